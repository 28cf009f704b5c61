import { serviceSpecSchema } from '@quorate/shared/services';
import { eq } from 'drizzle-orm';
import * as fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createRegistry } from '../../commands/define-command';
import { toTimestamp } from '../../lib/clock';
import { commandRegistry } from '../../registry';
import { observeRunner, removeRunner, setRunnerDrained } from '../../resources/runners/commands';
import { runners } from '../../resources/runners/table';
import { type Replica, startReplica } from '../../testing/replica';
import { createService, removeService, restartServices, scaleService, updateService } from '../services/commands';
import { recordPlacements } from '../services/placement/commands';
import { createPlanning } from '../services/planner';
import { assignedReplicas, findService, replicaAt } from '../services/queries';
import { serviceReplicas, serviceRevisions, services } from '../services/table';
import { sightOf, viewService } from '../services/view';
import { createHaCommands } from './commands';
import type { HaNode } from './nodes';
import { haFailovers, haSettings } from './table';
import { viewHa } from './view';

const FAILOVER_S = 10;
const id = (n: number): string => `00000000-0000-7000-8000-00000000000${n}`;
const [A, B, C] = [id(1), id(2), id(3)];
const spec = serviceSpecSchema.parse({ command: 'sleep' });

let nodes: HaNode[] = [];
const ha = createHaCommands(() => nodes);
let replica: Replica;
let at = 1_000_000;

beforeAll(async () => {
  const others = [...commandRegistry.values()].filter(({ type }) => !type.startsWith('ha.'));
  replica = await startReplica({ log: 'local', registry: createRegistry([...others, ...ha.all]), clock: () => at });
});
afterAll(() => replica?.stop());

const db = () => replica.store.db;
const setHa = (enabled: boolean, more: object = {}) =>
  replica.propose(ha.setHa, {
    ...{ enabled, system_replicas: 3, failover_seconds: FAILOVER_S, ifMatch: null },
    ...more,
  });
const observe = (runner: string, online: boolean) => replica.propose(observeRunner, { id: runner, online });
const drain = (runner: string, drained: boolean) => replica.propose(setRunnerDrained, { id: runner, drained });
const create = (name: string, replicas: number, system = false) =>
  replica.propose(createService, { name, spec, replicas, system });

/** What really runs on a runner: slot to generation. It goes on while the runner is cut off. */
let running: Map<string, Map<string, number>>;
/** What was reported last of each slot. */
const said = new Map<string, string>();
let n = 0;

beforeEach(async () => {
  for (const table of [services, serviceReplicas, serviceRevisions, runners, haFailovers, haSettings])
    db().delete(table).run();
  running = new Map([A, B, C].map((runner) => [runner, new Map()]));
  nodes = [1, 2, 3].map((node) => ({ id: node, name: `node-${node}`, drained: false }));
  for (const [index, runner] of [A, B, C].entries()) {
    db()
      .insert(runners)
      .values({
        ...{ id: runner, name: `runner-${index}`, nodeId: index + 1, keyPin: null, labels: {}, capacity: 4 },
        ...{ version: 'test', address: '', state: 'active', drainedAt: null, status: 'online', statusSince: at },
        ...{ certificateExpiresAt: null, joinedAt: at, removedAt: null },
      })
      .run();
  }
  await setHa(false);
});

const statusOf = (runner: string) => db().select().from(runners).where(eq(runners.id, runner)).get();
const isOnline = (runner: string): boolean => statusOf(runner)?.status === 'online';

/** A runner that hears a core does what it is told, and says so; `after` is who ends what first, if two are to. */
async function converge(runner: string): Promise<void> {
  if (!isOnline(runner)) return;
  const has = running.get(runner) ?? new Map<string, number>();
  const told = assignedReplicas(db(), runner);
  const keyOf = (one: { service: string; slot: number }): string => `${one.service}/${one.slot}`;
  const wanted = new Map(told.filter(({ stop }) => !stop).map((one) => [keyOf(one), one.generation]));
  for (const key of [...has.keys()]) if (wanted.get(key) !== has.get(key)) has.delete(key);
  for (const [key, generation] of wanted) has.set(key, generation);
  n += 1;
  const reports = told
    .map(({ service, slot, generation, stop }) => ({
      ...{ service, slot, generation, n, state: stop ? ('stopped' as const) : ('healthy' as const) },
      ...{ reason: '', ports: {}, restarts: 0 },
    }))
    .filter((one) => said.get(keyOf(one)) !== `${one.generation} ${one.state}`);
  for (const one of reports) said.set(keyOf(one), `${one.generation} ${one.state}`);
  if (reports.length > 0) await replica.propose(recordPlacements, { runnerId: runner, reports });
}

/** A new one each time, as on another leader: it knows nothing but the state. */
async function plan(rounds = 1): Promise<void> {
  const { applier, proposer } = replica;
  const planning = createPlanning({ db, applier, propose: proposer.propose, nodeId: 1, clock: () => at });
  for (let round = 0; round < rounds; round += 1) if (!(await planning.step()).changed) return;
}

/** Until nothing changes for longer than a replica takes to count as healthy. */
async function settle(): Promise<void> {
  const { applier } = replica;
  for (let round = 0, quiet = 0; round < 60 && quiet < 3; round += 1) {
    const { index } = applier.position;
    await plan(5);
    for (const runner of [A, B, C]) await converge(runner);
    at += 3_000;
    quiet = applier.position.index === index ? quiet + 1 : 0;
  }
}
const placeOf = (name: string, slot = 0) => replicaAt(db(), name, slot)?.runnerId;
const placesOf = (name: string) =>
  db()
    .select()
    .from(serviceReplicas)
    .where(eq(serviceReplicas.service, name))
    .all()
    .map((row) => row.runnerId)
    .sort();

describe('HA mode', () => {
  it('is refused under three nodes, with their number', async () => {
    nodes = nodes.slice(0, 2);
    await expect(setHa(true)).rejects.toMatchObject({
      code: 'too_few_nodes',
      message: expect.stringMatching(/needs 3 voting nodes, and there are 2/),
    });
    await setHa(false, { failover_seconds: 20 });
    await expect(setHa(false, { ifMatch: '"ha-1"' })).rejects.toMatchObject({ code: 'precondition_failed' });
  });

  it('runs system services on distinct runners, as many as it says', async () => {
    await create('dns', 1, true);
    await settle();
    expect(placesOf('dns')).toHaveLength(1);
    await setHa(true);
    await settle();
    expect(placesOf('dns')).toEqual([A, B, C]);
    await expect(replica.propose(scaleService, { name: 'dns', replicas: 5 })).rejects.toMatchObject({
      code: 'conflict',
    });
    await setHa(false);
    await settle();
    expect(placesOf('dns')).toHaveLength(1);
  });
});

describe('the failure of a runner', () => {
  it('moves what it had when the time is over and not before, whoever leads by then', async () => {
    await create('web', 1);
    await settle();
    const from = placeOf('web') ?? '';
    const generation = replicaAt(db(), 'web', 0)?.generation ?? 0;
    await observe(from, false);
    const offlineAt = at;
    for (const waited of [0, 1, FAILOVER_S * 1000 - 1]) {
      at = offlineAt + waited;
      await plan();
      expect(placeOf('web'), `after ${waited} ms`).toBe(from);
    }
    at = offlineAt + FAILOVER_S * 1000;
    await plan();
    const moved = replicaAt(db(), 'web', 0);
    expect(moved?.runnerId).not.toBe(from);
    expect(moved?.generation).toBeGreaterThan(generation);
    expect(db().select().from(haFailovers).all()).toMatchObject([
      { service: 'web', slot: 0, offlineAt, dueAt: at, movedAt: at, healthyAt: null },
    ]);
    at += 5;
    await converge(moved?.runnerId ?? '');
    expect(db().select().from(haFailovers).get()?.healthyAt).toBe(at);
    // The old one is fenced: what it says does not count, and when it is back it ends what it has.
    const late = { service: 'web', slot: 0, generation, n: 9_999_999, state: 'unhealthy', reason: 'late' } as const;
    await replica.propose(recordPlacements, { runnerId: from, reports: [{ ...late, ports: {}, restarts: 7 }] });
    expect(replicaAt(db(), 'web', 0)).toMatchObject({ state: 'healthy', restarts: 0 });
    await observe(from, true);
    await converge(from);
    expect(running.get(from)?.size).toBe(0);
  });

  it('moves what a runner had that was removed while it was online, when that must have ended it', async () => {
    await create('web', 1);
    await settle();
    const from = placeOf('web') ?? '';
    const removedAt = at;
    await replica.propose(removeRunner, { id: from });
    const waitMs = Math.max(FAILOVER_S, spec.stop_grace_seconds + 5) * 1000;
    for (const waited of [0, waitMs - 1]) {
      at = removedAt + waited;
      await plan(3);
      expect(placeOf('web'), `after ${waited} ms`).toBe(from);
    }
    const [instance] = viewService(db(), findService(db(), 'web'), sightOf(db(), at)).instances;
    expect(instance).toMatchObject({
      runner_online: false,
      reason: expect.stringMatching(/was removed and is to end it/),
    });
    expect(Date.parse(instance?.moves_at ?? '')).toBe(removedAt + waitMs);
    at = removedAt + waitMs;
    await plan();
    expect(placeOf('web')).not.toBe(from);
    expect(db().select().from(haFailovers).all()).toMatchObject([{ offlineAt: removedAt, dueAt: at, movedAt: at }]);
  });

  it('does not wait anew when it is removed after it went offline', async () => {
    await create('web', 1);
    await settle();
    const from = placeOf('web') ?? '';
    await observe(from, false);
    at += FAILOVER_S * 1000 - 1;
    await plan();
    await replica.propose(removeRunner, { id: from });
    at += Math.max(1, (spec.stop_grace_seconds + 5 - FAILOVER_S) * 1000 + 1);
    await plan();
    expect(placeOf('web')).not.toBe(from);
  });

  it('moves nothing when it is back before', async () => {
    await create('web', 3);
    await settle();
    const before = placesOf('web');
    await observe(A, false);
    at += FAILOVER_S * 1000 - 1;
    await plan();
    await observe(A, true);
    at += FAILOVER_S * 1000;
    await settle();
    expect(placesOf('web')).toEqual(before);
    expect(db().select().from(haFailovers).all()).toEqual([]);
  });

  it('does not move what nobody else can take, says why, and lets it go on there when the runner is back', async () => {
    await create('dns', 1, true);
    await setHa(true);
    await settle();
    await observe(B, false);
    const due = `its runner runner-1 is offline since ${toTimestamp(at)}`;
    const moves = toTimestamp(at + FAILOVER_S * 1000);
    const shown = () => viewHa(db(), () => nodes, at);
    expect(shown().pending_moves).toMatchObject([
      { service: 'dns', moves_at: moves, reason: `${due}; unless it is back before, it goes elsewhere at ${moves}` },
    ]);
    at += 60_000;
    const reason = `${due}; it was to go elsewhere at ${moves}, but every runner that it could run on has a replica of it already`;
    await plan(5);
    expect(placesOf('dns')).toEqual([A, B, C]);
    expect(shown().pending_moves).toMatchObject([{ service: 'dns', reason }]);
    expect(shown().warning).toBe(`dns has 2 of 3 healthy replicas (${reason})`);
    // With room, it goes at once; and what is not wanted any more goes nowhere.
    await setHa(false);
    const others = shown().pending_moves.filter(
      ({ slot, reason: why }) => slot > 0 || !why.endsWith('goes elsewhere now'),
    );
    expect(others).toEqual([]);
    await setHa(true);
    await observe(B, true);
    await settle();
    expect(db().select().from(haFailovers).all()).toEqual([]);
  });
});

describe('a roll-out', () => {
  it('says of each replica that waits for its turn what it waits for', async () => {
    await create('web', 3);
    await settle();
    const next = { name: 'web', spec: { ...spec, env: { A: '1' } }, system: false, ifMatch: null };
    await replica.propose(updateService, next);
    await plan();
    const shown = () => viewService(db(), findService(db(), 'web'), sightOf(db(), at));
    const why =
      /^it waits for its turn to begin anew with revision 2: only 1 may be away at once, and replica 0 is not/;
    expect(shown()).toMatchObject({
      rollout: { state: 'running', updated: 0, waiting: 2 },
      instances: [{ reason: '' }, { reason: expect.stringMatching(why) }, { reason: expect.stringMatching(why) }],
    });
    await settle();
    expect(shown()).toMatchObject({
      rollout: { state: 'idle', updated: 3, waiting: 0 },
      instances: [{ reason: '' }, { reason: '' }, { reason: '' }],
    });
  });
});

describe('a replica slot', () => {
  it('keeps the newest word on its generation', async () => {
    await create('web', 1);
    await plan(3);
    const { runnerId, generation } = replicaAt(db(), 'web', 0) ?? { runnerId: '', generation: 0 };
    const say = (number: number, state: 'healthy' | 'backing_off', of = generation) =>
      replica.propose(recordPlacements, {
        runnerId: runnerId ?? '',
        reports: [{ service: 'web', slot: 0, generation: of, n: number, state, reason: '', ports: {}, restarts: 0 }],
      });
    await say(5, 'healthy');
    await say(4, 'backing_off');
    await say(6, 'backing_off', generation - 1);
    await say(6, 'backing_off', generation + 1);
    expect(replicaAt(db(), 'web', 0)?.state).toBe('healthy');
    await say(6, 'backing_off');
    expect(replicaAt(db(), 'web', 0)?.state).toBe('backing_off');
  });

  /** Two of one slot are allowed in one case only: one is on a runner that was away for longer than the failover takes. */
  function expectOneOfEach(): void {
    const holders = new Map<string, string[]>();
    for (const [runner, has] of running)
      for (const key of has.keys()) holders.set(key, [...(holders.get(key) ?? []), runner]);
    for (const [key, who] of holders) {
      const lost = who.filter((runner) => {
        const row = statusOf(runner);
        return row?.status === 'offline' && at - row.statusSince >= FAILOVER_S * 1000;
      });
      expect(who.length - lost.length, key).toBeLessThanOrEqual(1);
    }
  }

  it('runs once, whatever is scaled, drained, updated, removed and cut off', async () => {
    const runner = fc.constantFrom(A, B, C);
    const wide = { replicas: fc.nat(6), runner, ms: fc.constantFrom(500, 4_000, FAILOVER_S * 1000) };
    const disturbed = fc.constantFrom('scale', 'drain', 'resume', 'cut', 'heal', 'update', 'restart', 'remove', 'wait');
    const step = fc.oneof(
      { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('plan' as const, 'hear' as const), ...wide }) },
      { weight: 1, arbitrary: fc.record({ do: disturbed, ...wide }) },
    );
    let revision = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 40 }), async (steps) => {
        for (const table of [services, serviceReplicas, serviceRevisions]) db().delete(table).run();
        db().update(runners).set({ status: 'online', statusSince: at, drainedAt: null }).run();
        for (const has of running.values()) has.clear();
        await create('web', 3);
        await plan(3);
        for (const one of [A, B, C]) await converge(one);
        for (const one of steps) {
          const exists = db().select().from(services).get() !== undefined;
          revision += 1;
          const next = { name: 'web', spec: { ...spec, env: { N: String(revision) } }, system: false, ifMatch: null };
          if (one.do === 'scale' && exists)
            await replica.propose(scaleService, { name: 'web', replicas: one.replicas });
          else if (one.do === 'drain' || one.do === 'resume') await drain(one.runner, one.do === 'drain');
          else if (one.do === 'cut' || one.do === 'heal') await observe(one.runner, one.do === 'heal');
          else if (one.do === 'update' && exists) await replica.propose(updateService, next);
          else if (one.do === 'restart') await replica.propose(restartServices, { services: [] });
          else if (one.do === 'remove')
            await (exists ? replica.propose(removeService, { name: 'web' }) : create('web', 2));
          else if (one.do === 'hear') await converge(one.runner);
          else if (one.do === 'wait') at += one.ms;
          else await plan();
          if (one.do !== 'heal') expectOneOfEach();
          // One that is back ends what it has before anything else.
          if (one.do === 'heal') await converge(one.runner);
        }
        for (const one of [A, B, C]) await drain(one, false).then(() => observe(one, true));
        if (!db().select().from(services).get()) await create('web', 3);
        await replica.propose(scaleService, { name: 'web', replicas: 5 });
        await settle();
        expectOneOfEach();
        expect([...running.values()].reduce((sum, has) => sum + has.size, 0)).toBe(5);
      }),
      { numRuns: 20, endOnFailure: true },
    );
  }, 120_000);
});
