import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { Cluster } from '@quorate/e2e/src/harness/cluster';
import type { Settings } from '@quorate/e2e/src/harness/daemon';
import { DAEMON } from '@quorate/e2e/src/harness/paths';
import { createWorkspace } from '@quorate/e2e/src/harness/workspace';
import { write } from '@quorate/e2e/src/harness/writes';
import type { Client } from '@quorate/shared/client';
import { eventRoutes } from '@quorate/shared/events';
import { type Figure, median, note, Unmeasurable } from '../figure';

const KILLS = 20;
const TRANSFERS = 5;
/** Writes go on this long before and after what is measured. */
const SETTLE_MS = 500;
const IDLE_MS = 20_000;

/** A cluster of `nodes` real daemons on loopback addresses of its own, for the length of `run`. */
export async function withCluster<T>(
  nodes: number,
  run: (cluster: Cluster) => Promise<T>,
  settings: Settings = {},
): Promise<T> {
  if (!existsSync(DAEMON)) throw new Unmeasurable('the daemon is not built: run npm run build');
  const workspace = createWorkspace();
  try {
    const cluster = new Cluster(workspace);
    for (let index = 1; index <= nodes; index += 1) {
      cluster.add({ name: `node-${index}`, host: workspace.loopback(index), settings });
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

/** One series of kills gives two figures. */
let kills: Promise<number[]> | undefined;
const killTimes = (): Promise<number[]> => {
  kills ??= withCluster(3, async (cluster) => {
    const times: number[] = [];
    for (let round = 1; round <= KILLS; round += 1) times.push(await failover(cluster, round));
    return times;
  });
  return kills;
};

export const leaderFailover: Figure = {
  name: 'failover of the leader',
  unit: 's',
  bound: { at: 'most', value: 1 },
  why: `from kill -9 of the leader to the first new write acknowledged by another node; median of ${KILLS}`,
  measure: async () => median(await killTimes()),
};

export const worstFailover: Figure = {
  name: 'worst failover',
  unit: 's',
  bound: { at: 'most', value: 2 },
  why: `the longest of the same ${KILLS}`,
  measure: async () => Math.max(...(await killTimes())),
};

/** Longest time in ms between two acknowledged writes, of one writer that never pauses, while `during` runs. */
async function writeGap(client: Client, during: () => Promise<unknown>): Promise<number> {
  let running = true;
  let longest = 0;
  const writer = async (): Promise<void> => {
    let last = performance.now();
    while (running) {
      await write(client, `gap-${randomUUID()}`);
      const now = performance.now();
      longest = Math.max(longest, now - last);
      last = now;
    }
  };
  const written = writer();
  await setTimeout(SETTLE_MS);
  await during();
  await setTimeout(SETTLE_MS);
  running = false;
  await written;
  return longest;
}

export const plannedTransfer: Figure = {
  name: 'planned transfer',
  unit: 'ms',
  bound: { at: 'most', value: 150 },
  why: `longest time between two acknowledged writes through a follower while leadership is handed over; median of ${TRANSFERS}`,
  measure: () =>
    withCluster(3, async (cluster) => {
      const gaps: number[] = [];
      for (let round = 1; round <= TRANSFERS; round += 1) {
        const [follower] = await cluster.followers();
        if (!follower) throw new Unmeasurable('there is no follower');
        gaps.push(await writeGap(follower.client(), () => cluster.moveLeadership()));
        note(`  transfer ${round}: ${gaps.at(-1)?.toPrecision(4)} ms`);
      }
      return median(gaps);
    }),
};

export const idleMemory: Figure = {
  name: 'memory when idle',
  unit: 'MB',
  bound: { at: 'most', value: 150 },
  why: 'resident memory of the daemon (without its etcd) of one of three voters, 20 s after the last request; the largest of the three',
  measure: () =>
    withCluster(3, async (cluster) => {
      await setTimeout(IDLE_MS);
      return Math.max(...cluster.nodes.map((node) => residentBytes(node.pid))) / 1e6;
    }),
};

function residentBytes(pid: number): number {
  const kilobytes = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  if (kilobytes === undefined) throw new Unmeasurable('the memory of a process can be read on Linux only');
  return Number(kilobytes) * 1024;
}
