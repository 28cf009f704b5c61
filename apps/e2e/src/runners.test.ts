import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { jobRoutes } from '@quorate/shared/jobs';
import { describe, expect, it } from 'vitest';
import type { Daemon } from './harness/daemon';
import { createNetwork } from './harness/network';
import { Runner } from './harness/runner';
import { useCluster } from './harness/suite';
import { until } from './harness/until';

// Each node and each runner in a network namespace of its own. Needs root: elsewhere these tests fail and say so.
describe('runners on three nodes', () => {
  const runners: Runner[] = [];
  const suite = useCluster(async ({ cluster, workspace }) => {
    const network = createNetwork(workspace, 5);
    for (let index = 1; index <= 3; index++) cluster.add({ name: `node-${index}`, ...network.place(index) });
    await cluster.grow();
    await cluster.waitHealthy(3);
    for (const [index, name] of ['worker-a', 'worker-b'].entries()) {
      const { namespace } = network.place(4 + index);
      const runner = new Runner(cluster, { name, namespace, capacity: 4, labels: { pool: 'test' } });
      runners.push(runner);
      await runner.join();
    }
  });
  const { cluster, workspace } = suite;
  const linesOf = (path: string): string[] =>
    existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter(Boolean) : [];

  /** A job that says when it starts, whether one before it still lives, and ends when it may. */
  async function startJob(label: string) {
    const pids = join(workspace.dir, `${label}.pids`);
    const overlaps = join(workspace.dir, `${label}.overlaps`);
    const release = join(workspace.dir, `${label}.release`);
    const script = [
      `for p in $(cat ${pids} 2>/dev/null); do kill -0 $p 2>/dev/null && echo $p >> ${overlaps}; done`,
      `echo $$ >> ${pids}`,
      `while [ ! -e ${release} ]; do sleep 0.1; done`,
    ].join('\n');
    const body = {
      spec: { kind: 'exec' as const, command: '/bin/sh', args: ['-c', script], labels: { pool: 'test' } },
      retry: { max_attempts: 2, backoff_seconds: 0 },
    };
    const { id } = await cluster.node(0).client().call(jobRoutes.create, { body });
    const view = (at: Daemon = cluster.node(0)) => at.client(5_000).call(jobRoutes.get, { params: { id } });
    await until(`${label} has started`, () => linesOf(pids).length === 1);
    const holder = (await view()).attempts.at(-1)?.runner;
    const held = runners.find(({ name }) => name === holder);
    if (!held) throw new Error(`nobody has ${label}`);
    const isAlive = (): boolean => {
      try {
        process.kill(Number(linesOf(pids)[0]), 0);
        return true;
      } catch {
        return false;
      }
    };
    return {
      held,
      view,
      isAlive,
      starts: () => linesOf(pids).length,
      /** It ran twice, one after the other, and the second time it succeeded. */
      async expectRetriedOnce(): Promise<void> {
        await until(`${label} has started again`, () => linesOf(pids).length === 2, { boundMs: 90_000 });
        expect(isAlive()).toBe(false);
        writeFileSync(release, '');
        await until(`${label} has succeeded`, async () => (await view()).state === 'succeeded');
        expect((await view()).attempts.map(({ outcome }) => outcome)).toEqual(['lost', 'succeeded']);
        expect({ starts: linesOf(pids).length, overlaps: linesOf(overlaps) }).toEqual({ starts: 2, overlaps: [] });
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

  it('loses its job with kill -9: it ends at once, and runs again elsewhere after the lease', async () => {
    const job = await startJob('killed');
    await job.held.kill();
    await until('its process is gone', () => !job.isAlive());
    expect(job.starts()).toBe(1);
    await job.expectRetriedOnce();
    job.held.restart();
    await job.held.waitConnected(3);
  });
});
