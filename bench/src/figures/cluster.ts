import { existsSync } from 'node:fs';
import { Cluster } from '@quorate/e2e/src/harness/cluster';
import { DAEMON } from '@quorate/e2e/src/harness/paths';
import { createWorkspace } from '@quorate/e2e/src/harness/workspace';
import { write } from '@quorate/e2e/src/harness/writes';
import { eventRoutes } from '@quorate/shared/events';
import { type Figure, median, note, Unmeasurable } from '../figure';

const KILLS = 10;

/** A cluster of `nodes` real daemons on loopback addresses of its own, for the length of `run`. */
async function withCluster<T>(nodes: number, run: (cluster: Cluster) => Promise<T>): Promise<T> {
  if (!existsSync(DAEMON)) throw new Unmeasurable('the daemon is not built: run npm run build');
  const workspace = createWorkspace();
  try {
    const cluster = new Cluster(workspace);
    for (let index = 1; index <= nodes; index += 1) {
      cluster.add({ name: `node-${index}`, host: workspace.loopback(index) });
    }
    await cluster.grow();
    await cluster.waitHealthy(nodes);
    return await run(cluster);
  } finally {
    await workspace.close();
  }
}

/** Seconds from each admission (the use of the token is taken) to the promotion, by the cluster's own events. */
async function joinTimes(cluster: Cluster): Promise<number[]> {
  const timesOf = async (type: 'member.admitted' | 'member.promoted'): Promise<number[]> => {
    const page = await cluster.node(0).client().call(eventRoutes.list, { query: { type } });
    return page.items.map((event) => Date.parse(event.at)).reverse();
  };
  const admitted = await timesOf('member.admitted');
  const promoted = await timesOf('member.promoted');
  if (admitted.length !== promoted.length) throw new Unmeasurable('a join has no end in the events');
  return admitted.map((at, join) => ((promoted[join] ?? Number.NaN) - at) / 1000);
}

/** Seconds from kill -9 of the leader and its etcd to the first acknowledged write that began after it. */
async function failover(cluster: Cluster, round: number): Promise<number> {
  const leader = await cluster.leader();
  const clients = cluster.running().flatMap((node) => (node === leader ? [] : [node.client()]));
  const startedAt = performance.now();
  const ended = leader.killAll();
  await Promise.any(clients.map((client, n) => write(client, `failover-${round}-${n}`)));
  const seconds = (performance.now() - startedAt) / 1000;
  await ended;
  await cluster.restart(leader);
  await cluster.waitHealthy(cluster.nodes.length);
  note(`  kill ${round}: ${seconds.toPrecision(4)} s`);
  return seconds;
}

export const joinToVoter: Figure = {
  name: 'join to voter',
  unit: 's',
  bound: { at: 'most', value: 5 },
  why: 'from the redemption of the token to the vote, on loopback; the slower of two joins',
  measure: () => withCluster(3, async (cluster) => Math.max(...(await joinTimes(cluster)))),
};

export const leaderFailover: Figure = {
  name: 'failover of the leader',
  unit: 's',
  bound: { at: 'most', value: 1 },
  why: `from kill -9 of the leader to the first new write acknowledged by another node; median of ${KILLS}`,
  measure: () =>
    withCluster(3, async (cluster) => {
      const times: number[] = [];
      for (let round = 1; round <= KILLS; round += 1) times.push(await failover(cluster, round));
      return median(times);
    }),
};
