import { describe, expect, it } from 'vitest';
import { createNetwork, type Network } from './harness/network';
import { Runner } from './harness/runner';
import { useCluster } from './harness/suite';

// Each node and each runner in a network namespace of its own. Needs root: elsewhere these tests fail and say so.
describe('runners on three nodes', () => {
  let network: Network | undefined;
  const runners: Runner[] = [];
  const suite = useCluster(async ({ cluster, workspace }) => {
    network = createNetwork(workspace, 5);
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
  const { cluster } = suite;

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
});
