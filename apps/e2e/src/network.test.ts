import { healthRoutes } from '@quorate/shared/health';
import { describe, expect, it } from 'vitest';
import type { Daemon } from './harness/daemon';
import { type Load, startLoad } from './harness/load';
import { createNetwork, type Network } from './harness/network';
import { lossesOf, note, useCluster } from './harness/suite';
import { until } from './harness/until';
import { refusalOf, sees, write } from './harness/writes';

// Each node in a network namespace of its own, on TLS as off loopback. Needs root: elsewhere these tests fail and say so.
describe('a network that breaks', () => {
  let network: Network | undefined;
  const suite = useCluster(async ({ cluster, workspace }) => {
    network = createNetwork(workspace, 3);
    for (let index = 1; index <= 3; index++) cluster.add({ name: `node-${index}`, ...network.place(index) });
    await cluster.grow();
    await cluster.waitHealthy(3);
  });
  const { cluster } = suite;
  const placeOf = (node: Daemon): number => cluster.nodes.indexOf(node) + 1;
  const loadOn = (label: string, nodes: readonly Daemon[]): Load =>
    startLoad({ label, clients: () => nodes.map((node) => node.client(4_000)) });

  /** 503 no_quorum over the agent socket, which no cut reaches. */
  async function untilRefused(node: Daemon, name: string): Promise<void> {
    const refusal = await until(`${node.name} refuses writes for want of a quorum`, async () => {
      const error = await refusalOf(write(node.local(20_000), name));
      return error.code === 'no_quorum' && error;
    });
    expect(refusal.status).toBe(503);
  }

  it('serves the API over TLS with a certificate of the cluster off loopback', async () => {
    for (const node of cluster.nodes) {
      expect(node.url).toMatch(/^https:/);
      expect(await node.client().call(healthRoutes.live, {})).toEqual({ live: true });
    }
  });

  it('cuts off the leader: the majority writes on, the minority reads only and catches up afterwards', async () => {
    const leader = await cluster.leader();
    const majority = cluster.nodes.filter((node) => node !== leader);
    const before = await write(leader.client(), 'before-the-cut');
    const load = loadOn('cut-leader', majority);
    await until('writes flow', () => load.acknowledged > 20);
    network?.cut(placeOf(leader));
    const count = load.acknowledged;
    await until('the majority writes on', () => load.acknowledged > count + 40);
    await untilRefused(leader, 'by-the-minority');
    expect(await sees(leader.local(), before)).toBe(true);
    expect((await refusalOf(leader.local().call(healthRoutes.ready, {}))).status).toBe(503);
    network?.heal(placeOf(leader));
    await cluster.waitHealthy(3);
    const report = await load.stop();
    note(`cut leader: longest gap ${Math.round(report.longestGapMs)} ms`);
    expect(await lossesOf(cluster, report)).toEqual([]);
  });

  it('flaps: a follower that comes and goes does not stop writes', async () => {
    const leader = await cluster.leader();
    const [follower] = (await cluster.followers()) as [Daemon];
    const { term } = await cluster.view(leader);
    const load = loadOn(
      'flapping',
      cluster.nodes.filter((node) => node !== follower),
    );
    for (let round = 0; round < 4; round++) {
      network?.cut(placeOf(follower));
      const lost = load.acknowledged;
      await until('writes go on', () => load.acknowledged > lost + 30);
      network?.heal(placeOf(follower));
      const healed = load.acknowledged;
      await until('writes go on', () => load.acknowledged > healed + 10);
    }
    await cluster.waitHealthy(3);
    const report = await load.stop();
    expect(await lossesOf(cluster, report)).toEqual([]);
    note(`flapping: term ${term} before, ${(await cluster.view(leader)).term} after`);
  });

  it('cuts everyone from everyone: nobody writes; once healed, all do', async () => {
    for (const node of cluster.nodes) network?.cut(placeOf(node));
    for (const node of cluster.nodes) await untilRefused(node, `alone-${node.name}`);
    for (const node of cluster.nodes) network?.heal(placeOf(node));
    for (const node of cluster.nodes) await node.waitReady();
    await cluster.waitHealthy(3);
    for (const writer of cluster.nodes) {
      const written = await write(writer.client(), `together-${writer.name}`);
      for (const reader of cluster.nodes) expect(await sees(reader.client(), written)).toBe(true);
    }
  });
});
