import { existsSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventRoutes } from '@quorate/shared/events';
import { type HaUpdate, haRoutes } from '@quorate/shared/ha';
import { runnerRoutes } from '@quorate/shared/runners';
import { type Service, serviceRoutes } from '@quorate/shared/services';
import { describe, expect, it } from 'vitest';
import type { Daemon } from './harness/daemon';
import { createNetwork, type Network } from './harness/network';
import { everyItem } from './harness/pages';
import { Runner } from './harness/runner';
import { note, useCluster } from './harness/suite';
import { until } from './harness/until';

const FAILOVER_S = 10;
/** Of one test: a busy machine takes its time. */
const BOUND_MS = 300_000;
/** It appends what it does to a file, is well after 0.3 s (and not while it is held), and says when it has been told to end. */
const PROGRAM = [
  'me="$QUORATE_SLOT.$QUORATE_GENERATION"',
  `trap 'echo "end $me" >> "$EVENTS"; exit 0' TERM`,
  'rm -f ready; echo "start $me" >> "$EVENTS"; sleep 0.3; while [ -e "$HOLD" ]; do sleep 0.1; done; : > ready; echo "ready $me" >> "$EVENTS"',
  'while :; do sleep 0.1; done',
].join('\n');

interface Running {
  readonly slot: number;
  readonly generation: number;
  readonly pid: number;
}

// Each node and each runner in a network namespace of its own. Needs root: elsewhere these tests fail and say so.
describe('services on three nodes and two runners', () => {
  let network: Network;
  let runners: [Runner, Runner];
  const suite = useCluster(async ({ cluster, workspace }) => {
    network = createNetwork(workspace, 5);
    for (let index = 1; index <= 3; index++) cluster.add({ name: `node-${index}`, ...network.place(index) });
    await cluster.grow();
    const make = (index: number, name: string): Runner =>
      new Runner(cluster, { name, namespace: network.place(index).namespace, capacity: 8, labels: { pool: 'test' } });
    runners = [make(4, 'worker-a'), make(5, 'worker-b')];
    await Promise.all(runners.map((runner) => runner.join()));
    workspace.defer(() => {
      for (const { pid } of ['web', 'dns', 'burn'].flatMap(running)) killQuietly(pid);
    });
  });
  const { cluster, workspace } = suite;
  const eventsFile = (name: string): string => join(workspace.dir, `${name}.events`);
  const holdFile = join(workspace.dir, 'hold');
  const eventsOf = (name: string): string[] =>
    existsSync(eventsFile(name)) ? readFileSync(eventsFile(name), 'utf8').split('\n').filter(Boolean) : [];

  /** The processes of a service, wherever they run: a replica works in `…/replicas/NAME.SLOT.GENERATION/work`. */
  function running(name: string): Running[] {
    const place = new RegExp(`/replicas/${name}\\.(\\d+)\\.(\\d+)/work$`);
    return readdirSync('/proc')
      .filter((pid) => /^\d+$/.test(pid))
      .flatMap((pid) => {
        const cwd = linkOf(`/proc/${pid}/cwd`);
        const [, slot, generation] = (cwd.startsWith(workspace.dir) && place.exec(cwd)) || [];
        // The shell alone, not the sleep that it waits for, nor a check.
        if (slot === undefined || !isProgram(pid)) return [];
        return [{ slot: Number(slot), generation: Number(generation), pid: Number(pid) }];
      })
      .sort((a, b) => a.slot - b.slot || a.generation - b.generation);
  }
  const specOf = (name: string, more: object = {}) => ({
    command: '/bin/sh',
    args: ['-c', PROGRAM, 'replica'],
    env: { EVENTS: eventsFile(name), HOLD: holdFile, REVISION: '1' },
    health: { type: 'exec' as const, command: '/bin/sh', args: ['-c', 'test -e ready'], interval_seconds: 1 },
    stop_grace_seconds: 5,
    ...more,
  });
  const up = (): Daemon => cluster.running()[0] ?? cluster.node(0);
  const show = (name: string, at = up()): Promise<Service> =>
    at.client(5_000).call(serviceRoutes.get, { params: { name } });
  const ha = () => up().client(5_000).call(haRoutes.get, {});
  const setFailover = (failover_seconds: number) =>
    up()
      .client()
      .call(haRoutes.put, { body: { enabled: true, system_replicas: 3, failover_seconds } });
  const failovers = () => everyItem((query) => up().client(5_000).call(haRoutes.failovers, { query }));

  /** As many replicas as shall run are well, the roll-out is over, and of each slot there is one process: of that generation. */
  async function waitSettled(name: string, boundMs = 90_000): Promise<Service> {
    const settled = await until(
      `${name} has come to rest`,
      async () => {
        const service = await show(name);
        const { desired, healthy } = service.replicas;
        const rests = service.rollout.state === 'idle' && healthy === desired && service.rollout.updated === desired;
        const rows = service.instances.map(({ slot, generation }) => `${slot}.${generation}`);
        const processes = running(name).map(({ slot, generation }) => `${slot}.${generation}`);
        if (rows.join() !== processes.join()) throw new Error(`${rows.join()} are known, ${processes.join()} run`);
        return rests && service;
      },
      { boundMs },
    );
    return settled;
  }

  /** By what the programs wrote themselves: the most slots that were away at once, and generations that were started twice. */
  function judge(name: string, from: number): { away: number; twice: string[] } {
    const down = new Set<string>();
    const starts = new Map<string, number>();
    let away = 0;
    for (const line of eventsOf(name).slice(from)) {
      const [what = '', who = ''] = line.split(' ');
      const [slot = ''] = who.split('.');
      if (what === 'end') down.add(slot);
      if (what === 'ready') down.delete(slot);
      if (what === 'start') starts.set(who, (starts.get(who) ?? 0) + 1);
      away = Math.max(away, down.size);
    }
    return { away, twice: [...starts].filter(([, count]) => count > 1).map(([who]) => who) };
  }

  it(
    'goes on with a rolling update when the leader is killed in the middle of it',
    async () => {
      const spec = specOf('web', { labels: { pool: 'test' } });
      await up()
        .client()
        .call(serviceRoutes.create, { body: { name: 'web', spec, replicas: 4 } });
      await waitSettled('web');
      const from = eventsOf('web').length;
      const leader = await cluster.leader();
      const next = { ...spec, env: { ...spec.env, REVISION: '2' } };
      const said = (what: string) =>
        eventsOf('web')
          .slice(from)
          .filter((line) => line.startsWith(what));
      // The first one that begins anew does not become healthy for now: the roll-out stands still with it.
      writeFileSync(holdFile, '');
      await leader
        .client()
        .call(serviceRoutes.update, { params: { name: 'web' }, body: { spec: next, system: false } });
      await until('the first one has begun anew', () => said('start').length === 1);
      await leader.killAll();
      await cluster.leader();
      expect([said('start').length, said('ready').length]).toEqual([1, 0]);
      rmSync(holdFile);
      await waitSettled('web');
      expect(judge('web', from)).toEqual({ away: 1, twice: [] });
      expect(
        said('start')
          .map((line) => line.split(/[ .]/)[1])
          .sort(),
      ).toEqual(['0', '1', '2', '3']);
      await cluster.restart(leader);
      await cluster.waitHealthy(3);
    },
    BOUND_MS,
  );

  it(
    'does not move the replicas of a runner that is back in time',
    async () => {
      await setFailover(60);
      const [worker] = runners;
      const before = (await show('web')).instances;
      await worker.kill();
      const held = before.filter(({ runner }) => runner === worker.name).map(({ slot }) => slot);
      const pending = async () => (await ha()).pending_moves.map(({ slot }) => slot);
      await until('they are about to move', async () => (await pending()).join() === held.join());
      worker.restart();
      await until('they are not any more', async () => (await pending()).length === 0);
      const placements = ({ instances }: Pick<Service, 'instances'>) =>
        instances.map(({ slot, generation, runner }) => ({ slot, generation, runner }));
      expect(placements(await waitSettled('web'))).toEqual(placements({ instances: before }));
      expect(await failovers()).toEqual([]);
    },
    BOUND_MS,
  );

  it(
    'moves each replica of what is lost once, when it is due, whoever leads by then',
    async () => {
      const [cut, spare] = runners;
      const drain = async (on: boolean): Promise<void> => {
        for (const runner of runners) {
          const params = { id: (await runner.view(up())).id };
          await up()
            .client()
            .call(on ? runnerRoutes.drain : runnerRoutes.resume, { params });
        }
      };
      await setFailover(FAILOVER_S);
      // Without the workers, so that each node gets one of the system service.
      const { max_unavailable: _one, ...kept } = (await show('web')).spec;
      await up()
        .client()
        .call(serviceRoutes.remove, { params: { name: 'web' } });
      await until('web has ended', () => running('web').length === 0);
      await drain(true);
      const dns = { name: 'dns', spec: specOf('dns'), replicas: 1, system: true };
      await up().client().call(serviceRoutes.create, { body: dns });
      await waitSettled('dns');
      await drain(false);
      await up()
        .client()
        .call(serviceRoutes.create, { body: { name: 'web', spec: kept, replicas: 4 } });
      const web = await waitSettled('web');
      const [webFrom, dnsFrom] = [eventsOf('web').length, eventsOf('dns').length];
      const held = web.instances.filter(({ runner }) => runner === cut.name).map(({ slot }) => slot);
      expect(held.length).toBeGreaterThan(0);

      // In the middle of a roll-out the cable of a runner is pulled; then the host of the leader dies, with what runs on it.
      const leader = await cluster.leader();
      const next = { ...kept, env: { ...kept.env, REVISION: '3' } };
      await leader
        .client()
        .call(serviceRoutes.update, { params: { name: 'web' }, body: { spec: next, system: false } });
      network.cut(4);
      await until('it is offline', async () => (await cut.view(leader)).status === 'offline');
      const due = (await leader.client().call(haRoutes.get, {})).pending_moves.find(
        ({ runner }) => runner === cut.name,
      );
      const lostDns = running('dns').filter(({ pid }) => linkOf(`/proc/${pid}/cwd`).startsWith(`${leader.dataDir}/`));
      expect(lostDns).toHaveLength(1);
      await leader.killAll();
      for (const { pid } of lostDns) killQuietly(pid);
      await cluster.leader();
      const lost = held.length + 1;
      await until('all that is lost has moved', async () => (await failovers()).length >= lost, { boundMs: 90_000 });
      // Cut off, the old ones go on; each knows by its generation that it is the older one.
      await until(
        'the new ones run',
        () => running('web').filter(({ slot }) => held.includes(slot)).length === 2 * held.length,
      );
      network.heal(4);
      await cluster.restart(leader);
      await cluster.waitHealthy(3);
      await cut.waitOnline(up());
      await Promise.all([waitSettled('web'), waitSettled('dns')]);

      const moved = await failovers();
      const slots = moved.map(({ service, slot }) => `${service} ${slot}`).sort();
      expect(slots).toEqual([`dns ${lostDns[0]?.slot}`, ...held.map((slot) => `web ${slot}`)]);
      expect(moved.filter(({ runner }) => runner === cut.name).map(({ due_at }) => due_at)).toEqual(
        held.map(() => due?.moves_at),
      );
      for (const { offline_at, due_at, moved_at, late_ms, service, slot, to_runner } of moved) {
        expect(Date.parse(due_at) - Date.parse(offline_at)).toBe(FAILOVER_S * 1000);
        expect(late_ms).toBeGreaterThanOrEqual(0);
        expect(to_runner).toBe(spare.name);
        note(
          `${service} ${slot} moved ${Date.parse(moved_at) - Date.parse(offline_at)} ms after its runner was found gone`,
        );
      }
      expect(judge('web', webFrom).twice).toEqual([]);
      expect(judge('dns', dnsFrom).twice).toEqual([]);
    },
    BOUND_MS,
  );

  it(
    'is updated node by node, stops at one that is not healthy, and goes on there',
    async () => {
      const last = await cluster.followers().then(([, second]) => second);
      if (!last) throw new Error('there are no two followers');
      const id = await cluster.idOf(last, up());
      const call = () => up().client(5_000);
      const update = async (): Promise<HaUpdate> => {
        const { id: own } = await call().call(haRoutes.update, { body: {} });
        return until(
          'the update is over',
          async () => {
            const now = (await ha()).update;
            return now?.id === own && now.state !== 'running' ? now : undefined;
          },
          { boundMs: 120_000 },
        );
      };
      const placements = async () =>
        (await show('dns')).instances.map(({ generation, runner }) => ({ generation, runner: runner ?? '' }));
      const before = await placements();
      await last.killAll();
      for (const node of cluster.running()) {
        await until(`${node.name} knows that it is away`, async () => {
          const { members } = await cluster.view(node);
          return members.some((member) => member.id === id && member.health !== 'healthy');
        });
      }
      const stopped = await update();
      expect(stopped.state).toBe('failed');
      expect(stopped.nodes.map(({ node_id, state }) => ({ node_id, state }))).toEqual(
        cluster.nodes.map((_, index) => {
          const node_id = index + 1;
          return { node_id, state: node_id < id ? 'done' : node_id === id ? 'failed' : 'waiting' };
        }),
      );
      await cluster.restart(last);
      await cluster.waitHealthy(3);
      const finished = await update();
      expect(finished).toMatchObject({ id: stopped.id, state: 'completed' });
      // What was done stays done.
      const done = ({ nodes }: HaUpdate) => nodes.filter(({ node_id }) => node_id < id).map(({ since }) => since);
      expect(done(finished)).toEqual(done(stopped));
      await waitSettled('dns');
      const renewed = (await placements()).filter(({ runner }) => runner.startsWith('node-'));
      for (const { generation } of renewed) expect(before.map((one) => one.generation)).not.toContain(generation);
      const events = await everyItem((query) => call().call(eventRoutes.list, { query }));
      const order = events
        .filter(
          ({ type, at }) => /^(member\.(drained|resumed)|ha\.node_updated)$/.test(type) && at >= stopped.started_at,
        )
        .sort((a, b) => a.seq - b.seq)
        .map(({ type }) => type);
      expect(order).toEqual([1, 2, 3].flatMap(() => ['member.drained', 'member.resumed', 'ha.node_updated']));
    },
    BOUND_MS,
  );

  it(
    'scales with the processor, up while a program burns it and down when it rests, and says why',
    async () => {
      const hot = join(workspace.dir, 'hot');
      writeFileSync(hot, '');
      const script =
        'while :; do if [ -e "$HOT" ]; then n=0; while [ $n -lt 50000 ]; do n=$((n + 1)); done; else sleep 0.2; fi; done';
      const spec = {
        command: '/bin/sh',
        args: ['-c', script, 'replica'],
        env: { HOT: hot },
        labels: { pool: 'test' },
        stop_grace_seconds: 1,
      };
      const params = { name: 'burn' };
      await up()
        .client()
        .call(serviceRoutes.create, { body: { name: 'burn', spec, replicas: 1 } });
      // A low target: it is passed also where many others want the processor.
      const body = { enabled: true, min: 1, max: 2, target_cpu_percent: 4, stabilization_seconds: 10 };
      await up().client().call(serviceRoutes.autoscaling, { params, body });
      await until('two are well', async () => (await show('burn')).replicas.healthy === 2, { boundMs: 90_000 });
      rmSync(hot);
      const down = async () => (await show('burn')).replicas.desired === 1 && running('burn').length === 1;
      await until('one is left', down, { boundMs: 120_000 });
      const decisions = await everyItem((query) => up().client().call(serviceRoutes.decisions, { params, query }));
      const changes = decisions.filter(({ from, to }) => from !== to).reverse();
      expect(changes.map(({ from, to }) => [from, to])).toEqual([
        [1, 2],
        [2, 1],
      ]);
      expect(changes[0]?.reason).toMatch(/^CPU is at [\d.]+ % on average, the target is 4: \d+ are needed$/);
      expect(changes[1]?.reason).toMatch(/^CPU is at [\d.]+ % on average, the target is 4: 1 for now$/);
      await up().client().call(serviceRoutes.remove, { params });
    },
    BOUND_MS,
  );
});

/** Empty for a process that is gone. */
function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

function isProgram(pid: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes('replica');
  } catch {
    return false;
  }
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Ended meanwhile.
  }
}
