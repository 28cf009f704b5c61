import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { jobRoutes } from '@quorate/shared/jobs';
import { RUNNER_SESSION_PATH } from '@quorate/shared/runner-protocol';
import { runnerRoutes } from '@quorate/shared/runners';
import { serviceRoutes } from '@quorate/shared/services';
import { describe, expect, it } from 'vitest';
import { CLUSTER_PORT, type Daemon } from './harness/daemon';
import { createNetwork, type Network } from './harness/network';
import { Runner } from './harness/runner';
import { useCluster } from './harness/suite';
import { until } from './harness/until';

/** What happens to a runner in the middle of a job. Each has its own, and `spare` is there for all of them. */
const FAULTS = ['killed', 'stopped', 'cut'] as const;
const SPARE = 'spare';

// Each node and each runner in a network namespace of its own. Needs root: elsewhere these tests fail and say so.
describe('runners on three nodes', () => {
  let network: Network;
  const runners: Runner[] = [];
  const suite = useCluster(async ({ cluster, workspace }) => {
    network = createNetwork(workspace, 7);
    for (let index = 1; index <= 3; index++) cluster.add({ name: `node-${index}`, ...network.place(index) });
    await cluster.grow();
    await cluster.waitHealthy(3);
    for (const [index, name] of [...FAULTS, SPARE].entries()) {
      const { namespace } = network.place(4 + index);
      const faults = name === SPARE ? FAULTS : [name];
      const labels = { pool: 'test', ...Object.fromEntries(faults.map((fault) => [fault, 'yes'])) };
      const runner = new Runner(cluster, { name, namespace, capacity: 4, labels });
      runners.push(runner);
      await runner.join();
    }
  });
  const { cluster, workspace } = suite;
  const runnerNamed = (name: string): Runner => {
    const found = runners.find((one) => one.name === name);
    if (!found) throw new Error(`there is no runner ${name}`);
    return found;
  };
  const linesOf = (path: string): string[] =>
    existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter(Boolean) : [];
  /** A zombie is none: it runs no more, though its parent is stopped and cannot collect it. */
  const isAlive = (pid: string | undefined): boolean => {
    try {
      return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
    } catch {
      return false;
    }
  };

  /** A job that says when it starts, whether one before it still lives, and ends when it may. */
  async function startJob(label: string, labels: Record<string, string>) {
    const pids = join(workspace.dir, `${label}.pids`);
    const overlaps = join(workspace.dir, `${label}.overlaps`);
    const release = join(workspace.dir, `${label}.release`);
    const script = [
      `for p in $(cat ${pids} 2>/dev/null); do grep -qs '^State:.[^ZX]' /proc/$p/status && echo $p >> ${overlaps}; done`,
      `echo $$ >> ${pids}`,
      `while [ ! -e ${release} ]; do sleep 0.1; done`,
    ].join('\n');
    const body = {
      spec: { kind: 'exec' as const, command: '/bin/sh', args: ['-c', script], labels },
      retry: { max_attempts: 2, backoff_seconds: 0 },
    };
    const { id } = await cluster.node(0).client().call(jobRoutes.create, { body });
    const view = () => cluster.node(0).client(5_000).call(jobRoutes.get, { params: { id } });
    await until(`${label} has started`, () => linesOf(pids).length === 1);
    return {
      holder: async () => (await view()).attempts.at(-1)?.runner,
      isAlive: () => isAlive(linesOf(pids)[0]),
      starts: () => linesOf(pids).length,
      /** It ran twice, one after the other, and the second time it succeeded. */
      async expectRetriedOnce(): Promise<void> {
        await until(`${label} has started again`, () => linesOf(pids).length === 2, { boundMs: 90_000 });
        expect(isAlive(linesOf(pids)[0]), label).toBe(false);
        writeFileSync(release, '');
        await until(`${label} has succeeded`, async () => (await view()).state === 'succeeded');
        await this.expectCounted();
      },
      async expectCounted(): Promise<void> {
        const { state, attempts } = await view();
        const outcomes = attempts.map(({ outcome }) => outcome);
        const counted = { state, outcomes, starts: linesOf(pids).length, overlaps: linesOf(overlaps) };
        const once = { state: 'succeeded', outcomes: ['lost', 'succeeded'], starts: 2, overlaps: [] };
        expect(counted, label).toEqual(once);
      },
    };
  }

  /** A service of one replica that does not end by itself, and says whether one before it still lives when it starts. */
  async function startStubborn(name: string, labels: Record<string, string>) {
    const pids = join(workspace.dir, `${name}.pids`);
    const overlaps = join(workspace.dir, `${name}.overlaps`);
    const script = [
      "trap '' TERM",
      `for p in $(cat ${pids} 2>/dev/null); do grep -qs '^State:.[^ZX]' /proc/$p/status && echo $p >> ${overlaps}; done`,
      `echo $$ >> ${pids}`,
      'while :; do sleep 0.1; done',
    ].join('\n');
    const spec = { command: '/bin/sh', args: ['-c', script], labels, stop_grace_seconds: 6 };
    const call = cluster.node(0).client(10_000);
    await call.call(serviceRoutes.create, { body: { name, spec, replicas: 1 } });
    const look = () => call.call(serviceRoutes.get, { params: { name } });
    await until(`${name} is healthy`, async () => (await look()).replicas.healthy === 1);
    return {
      holder: async () => (await look()).instances[0]?.runner,
      isAlive: () => isAlive(linesOf(pids)[0]),
      starts: () => linesOf(pids).length,
      async expectMovedOnce(to: string): Promise<void> {
        const moved = async () =>
          (await look()).instances.some(({ runner, state }) => runner === to && state === 'healthy');
        await until(`${name} is healthy again`, moved, { boundMs: 90_000 });
        const alive = linesOf(pids).filter(isAlive).length;
        expect({ starts: linesOf(pids).length, alive, overlaps: linesOf(overlaps) }, name).toEqual({
          ...{ starts: 2, alive: 1, overlaps: [] },
        });
      },
    };
  }

  it('join by token and are known on every node, with their labels and capacity', async () => {
    for (const node of cluster.nodes) {
      for (const runner of runners) {
        const view = await runner.view(node);
        expect(view).toMatchObject({ status: 'online', capacity: 4, labels: { pool: 'test' }, drained: false });
      }
    }
  });

  it('is the same runner after it was stopped and started', async () => {
    const [runner] = runners as [Runner];
    const before = await runner.view();
    expect(await runner.stop()).toBe(0);
    runner.restart();
    await runner.waitConnected(3);
    expect((await runner.view()).id).toBe(before.id);
  });

  it('are measured by every node, and exposed by one', async () => {
    const exposers = async (name: string): Promise<number> => {
      const texts = await Promise.all(
        cluster.nodes.map(async (node) => {
          const headers = { authorization: `Bearer ${cluster.token}` };
          return (await node.connection().fetch(`${node.url}/metrics`, { headers })).text();
        }),
      );
      return texts.filter((text) => text.includes(`quorate_runner_cpu_percent{runner="${name}"}`)).length;
    };
    for (const { name } of runners) await until(`${name} is exposed`, async () => (await exposers(name)) === 1);
    for (const node of cluster.nodes) {
      for (const runner of runners) {
        await until('every node knows', async () => (await runner.view(node)).measured_at !== null);
      }
    }
  });

  it('lose their job with kill -9, SIGSTOP and a cut: it ends, then runs once more elsewhere, and the old attempt never counts', async () => {
    const call = cluster.node(0).client();
    const params = { id: (await runnerNamed(SPARE).view()).id };
    await call.call(runnerRoutes.drain, { params });
    const jobs = await Promise.all(FAULTS.map((fault) => startJob(fault, { [fault]: 'yes' })));
    await call.call(runnerRoutes.resume, { params });
    expect(await Promise.all(jobs.map((job) => job.holder()))).toEqual(FAULTS);
    const [killed] = jobs;
    const place = 4 + FAULTS.indexOf('cut');
    await runnerNamed('killed').kill();
    runnerNamed('stopped').suspend();
    network.cut(place);
    // By its guard, long before the lease is over.
    await until('the process of the killed one is gone', () => !killed?.isAlive());
    expect(killed?.starts()).toBe(1);
    await Promise.all(jobs.map((job) => job.expectRetriedOnce()));
    runnerNamed('killed').restart();
    runnerNamed('stopped').resume();
    network.heal(place);
    for (const runner of runners) {
      await runner.waitOnline();
      await runner.waitConnected(3);
    }
    for (const job of jobs) await job.expectCounted();
  }, 300_000);

  it('hold on while two of three nodes are gone: services go on, jobs are fenced and run again when the nodes return', async () => {
    const [survivor, ...others] = cluster.nodes as [Daemon, ...Daemon[]];
    const call = () => survivor.client(10_000);
    const starts = join(workspace.dir, 'replica.starts');
    const script = `echo $$ >> ${starts}; exec sleep 100000`;
    const spec = { command: '/bin/sh', args: ['-c', script], labels: { pool: 'test' }, stop_grace_seconds: 0 };
    await call().call(serviceRoutes.create, { body: { name: 'steady', spec, replicas: 3 } });
    const look = () => call().call(serviceRoutes.get, { params: { name: 'steady' } });
    await until('replicas are healthy', async () => (await look()).replicas.healthy === 3);
    const placed = async () => (await look()).instances.map(({ generation, restarts }) => [generation, restarts]);
    const before = await placed();
    const job = await startJob('no-quorum', { pool: 'test' });
    for (const node of others) await node.killAll();
    await until('the job is fenced', () => !job.isAlive());
    expect(runners.map(({ running }) => running)).toEqual([true, true, true, true]);
    expect(linesOf(starts).filter(isAlive)).toHaveLength(3);
    expect(job.starts()).toBe(1);
    for (const node of others) await node.start();
    await cluster.waitHealthy(3);
    for (const runner of runners) await runner.waitConnected(3);
    await job.expectRetriedOnce();
    expect(await placed()).toEqual(before);
    expect(linesOf(starts).filter(isAlive)).toHaveLength(3);
    expect(linesOf(starts)).toHaveLength(3);
    await call().call(serviceRoutes.remove, { params: { name: 'steady' } });
    await until('no replica is left', () => !linesOf(starts).some(isAlive));
  }, 300_000);

  it('one that is removed while it works is let go at each node, ends what it runs, which moves after that, and ends; its certificate is worth nothing, and a token lets it in anew', async () => {
    const call = cluster.node(0).client();
    const removed = runnerNamed('killed');
    const { id } = await removed.view();
    const spare = { id: (await runnerNamed(SPARE).view()).id };
    await call.call(runnerRoutes.drain, { params: spare });
    const job = await startJob('removed', { killed: 'yes' });
    const replica = await startStubborn('stubborn', { killed: 'yes' });
    await call.call(runnerRoutes.resume, { params: spare });
    expect([await job.holder(), await replica.holder()]).toEqual(['killed', 'killed']);

    const file = readFileSync(join(removed.dataDir, 'runner.json'), 'utf8');
    await cluster.node(1).client().call(runnerRoutes.remove, { params: { id } });
    // Killed on its way out: it is told again when it starts, and does not leave its replica to nobody.
    await until('it knows', () => removed.log().includes('stopping a replica'));
    await removed.kill();
    expect([replica.isAlive(), replica.starts()]).toEqual([true, 1]);
    removed.restart();
    expect(await removed.ended(90_000)).toBe(1);
    expect(removed.log()).toContain('was removed from the cluster');
    expect(removed.programs()).toEqual([]);
    await Promise.all([job.expectRetriedOnce(), replica.expectMovedOnce(SPARE)]);
    await call.call(serviceRoutes.remove, { params: { name: 'stubborn' } });
    const key = readFileSync(join(removed.dataDir, 'pki/node.key'), 'utf8');
    for (const node of cluster.nodes) expect(await knock(node, JSON.parse(file), key)).toBe('403 node_removed');
    await removed.join();
    const { id: next } = await removed.view();
    expect(next).not.toBe(id);
    expect((await removed.view(cluster.node(2))).id).toBe(next);
  }, 300_000);

  /** Opens a session with these credentials. @returns what the node answers */
  const knock = (node: Daemon, file: { ca: string; certificate: string }, key: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const headers = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' };
      const asked = request({
        ...{ host: node.spec.host, port: CLUSTER_PORT, path: RUNNER_SESSION_PATH, minVersion: 'TLSv1.3' },
        ...{ ca: file.ca, cert: file.certificate, key, checkServerIdentity: () => undefined },
        headers: { ...headers, 'sec-websocket-key': Buffer.alloc(16).toString('base64') },
      });
      asked.once('upgrade', (_, socket) => {
        socket.destroy();
        resolve('let in');
      });
      asked.once('response', ({ statusCode, headers: { 'x-quorate-code': code } }) => resolve(`${statusCode} ${code}`));
      asked.once('error', reject);
      asked.end();
    });
});
