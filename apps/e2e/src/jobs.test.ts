import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Job, jobRoutes } from '@quorate/shared/jobs';
import { describe, expect, it } from 'vitest';
import { Cli } from './harness/cli';
import type { Daemon } from './harness/daemon';
import { everyItem } from './harness/pages';
import { Runner } from './harness/runner';
import { useCluster } from './harness/suite';
import { until } from './harness/until';

const JOBS = 200;

describe('jobs on three nodes and two runners', () => {
  const suite = useCluster(async ({ cluster, workspace }) => {
    for (let index = 1; index <= 3; index++) {
      cluster.add({ name: `node-${index}`, host: workspace.loopback(index) });
    }
    await cluster.grow();
    await cluster.waitHealthy(3);
    for (const name of ['worker-a', 'worker-b']) {
      await new Runner(cluster, { name, capacity: 8, labels: { pool: 'test' } }).join();
    }
  });
  const { cluster, workspace } = suite;

  const jobsOf = (at: Daemon): Promise<Job[]> =>
    everyItem((query) => at.client(10_000).call(jobRoutes.list, { query }));

  it('are read from any node, also what runs inside another, and end the client with their exit code', async () => {
    const script = 'echo begun; sleep 1; echo done; exit 9';
    for (const [at, label] of [
      [0, 'node=node-2'],
      [1, 'node=node-3'],
      [2, 'pool=test'],
    ] as const) {
      const socket = ['--socket', join(cluster.node(at).dataDir, 'agent.sock')];
      const job = ['job', 'run', '--follow', '--label', label, '--', 'sh', '-c', script];
      const { status, stdout, stderr } = await new Cli(workspace.dir).run([...socket, ...job]);
      expect({ status, stdout }, stderr).toEqual({ status: 9, stdout: 'begun\ndone\n' });
    }
  });

  it('run exactly once, although the leader is killed while they are under way', async () => {
    const dir = join(workspace.dir, 'counted');
    mkdirSync(dir);
    // None ends before the leader is gone, however slow this machine is.
    const go = join(workspace.dir, 'go');
    const leader = await cluster.leader();
    const [survivor] = cluster.running().filter((node) => node !== leader);
    if (!survivor) throw new Error('there is a follower');
    const submit = async (n: number): Promise<string> => {
      const wait = `while [ ! -e "${go}" ]; do sleep 0.1; done`;
      const args = ['-c', `echo x >> "${dir}/${n}"; ${wait}; echo y >> "${dir}/${n}"`];
      const spec = { kind: 'exec' as const, command: 'sh', args, labels: { pool: 'test' } };
      // A request that is repeated under its key submits nothing more: a busy machine may lose its leader meanwhile.
      const headers = { 'Idempotency-Key': `counted-${n}` };
      const send = () => survivor.client(10_000).call(jobRoutes.create, { body: { spec }, headers });
      return until(`job ${n} is submitted`, async () => (await send()).id);
    };
    const ids = await Promise.all(Array.from({ length: JOBS }, (_, n) => submit(n)));
    await until('some are under way', () => readdirSync(dir).length > 10, { boundMs: 30_000 });
    expect(readdirSync(dir).length).toBeLessThan(JOBS);
    await leader.killAll();
    writeFileSync(go, '');
    const mine = async () => (await jobsOf(survivor)).filter(({ id }) => ids.includes(id));
    await until('all are over', async () => (await mine()).every(({ finished_at: at }) => at !== null), {
      boundMs: 90_000,
    });
    const all = await mine();
    expect(all.map(({ state, attempts }) => `${state} ${attempts.length}`)).toEqual(
      Array.from({ length: JOBS }, () => 'succeeded 1'),
    );
    for (let n = 0; n < JOBS; n++) expect(readFileSync(join(dir, String(n)), 'utf8'), `job ${n}`).toBe('x\ny\n');
    await cluster.restart(leader);
  });
});
