import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { backupRoutes } from '@quorate/shared/backups';
import { type Job, jobRoutes } from '@quorate/shared/jobs';
import { describe, expect, it } from 'vitest';
import { Cli } from './harness/cli';
import type { Daemon } from './harness/daemon';
import { everyItem } from './harness/pages';
import { Runner } from './harness/runner';
import { startSlowBucket } from './harness/slow-bucket';
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

  it('that back up end as declared when the leader is killed in the middle: retried once, or failed with the reason', async () => {
    const bucket = await startSlowBucket();
    try {
      const target = { name: 'slow', endpoint: bucket.endpoint, bucket: 'slow', access_key_id: 'k' };
      const body = { ...target, secret_access_key: 'secret-of-a-test' };
      const { id: targetId } = await (await cluster.leader()).client().call(backupRoutes.createTarget, { body });

      /** Submits one, kills the leader while it stores the file, and starts that node again. */
      const submitAndKill = async (attempts: number) => {
        const before = bucket.held.length;
        const leader = await cluster.leader();
        const { id } = await leader.client().call(jobRoutes.create, {
          body: {
            spec: { kind: 'backup', target: targetId },
            retry: { max_attempts: attempts, backoff_seconds: 0 },
          },
        });
        await until('the file is being stored', () => bucket.held.length === before + 1);
        await leader.killAll();
        const [survivor] = cluster.running();
        if (!survivor) throw new Error('there are followers');
        const look = () => survivor.client(5_000).call(jobRoutes.get, { params: { id } });
        const isRunning = (await until('a survivor answers', look)).state;
        // From here on files are taken: an attempt that is made anew comes through.
        bucket.open();
        await cluster.restart(leader);
        const job = await until('the job is over', async () => {
          const seen = await look();
          return seen.finished_at !== null && seen;
        });
        bucket.hold();
        return { job, isRunning };
      };
      const backupsOf = async () => {
        const { items } = await cluster
          .node(0)
          .client()
          .call(backupRoutes.list, { query: { limit: 100 } });
        // Ids of one job's backups are of the same time: they say nothing about the order.
        return items
          .filter(({ target: where }) => where === targetId)
          .sort((a, b) => a.created_at.localeCompare(b.created_at));
      };

      const retried = await submitAndKill(2);
      expect(retried).toMatchObject({ isRunning: 'running', job: { state: 'succeeded' } });
      expect(retried.job.attempts.map(({ outcome, error }) => [outcome, error])).toEqual([
        ['failed', 'the node stopped while it made the backup; make it again'],
        ['succeeded', ''],
      ]);
      const [lost, made, ...others] = await backupsOf();
      expect([lost?.state, made?.state, others]).toEqual(['failed', 'completed', []]);
      expect(retried.job.output_tail).toBe(`backup ${made?.id}: ${made?.file}\n`);

      const once = await submitAndKill(1);
      expect(once).toMatchObject({ isRunning: 'running', job: { state: 'failed' } });
      expect(once.job.attempts.map(({ outcome, error }) => [outcome, error])).toEqual([
        ['failed', 'the node stopped while it made the backup; make it again'],
      ]);
      expect((await backupsOf()).map(({ state }) => state)).toEqual(['failed', 'completed', 'failed']);
      expect(bucket.stored()).toEqual([made?.file]);
    } finally {
      await bucket.stop();
    }
  });
});
