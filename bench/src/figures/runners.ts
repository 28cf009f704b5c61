import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseJoinString } from '@quorate/api/src/cluster/join/join-string';
import { joinAsRunner, runnerKey } from '@quorate/api/src/cluster/runners/join-client';
import { silentLogger } from '@quorate/api/src/lib/logger';
import { type Link, openLink } from '@quorate/api/src/work/agent/link';
import { SAMPLE_MS } from '@quorate/api/src/work/lease';
import type { Cluster } from '@quorate/e2e/src/harness/cluster';
import { until } from '@quorate/e2e/src/harness/until';
import type { MetricsBatch } from '@quorate/shared/runner-protocol';
import { concurrently, type Figure, note, Unmeasurable } from '../figure';
import { withCluster } from './cluster';

const RUNNERS = 200;
/** Joins at once, and by one token. */
const JOINING = 8;
const TOKEN_USES = 50;
const MEASURED_MS = 10_000;
const TICKS_PER_SECOND = 100;

/** Seconds of processor time that a process has used. */
function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const [user = 0, system = 0] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 13)
    .map(Number);
  return (user + system) / TICKS_PER_SECOND;
}

const batch = (seq: number): MetricsBatch => ({
  ...{ seq, at: Date.now(), jobs: [], replicas: [] },
  host: { cpu_percent: 12.5, memory_percent: 40, memory_bytes: 4e9, load: 0.5 },
});

/** One that is connected to every core node and says there what a runner says that has nothing to do. */
async function connect(cluster: Cluster, n: number, joinString: string): Promise<() => void> {
  const dataDir = join(cluster.workspace.dir, `simulated-${n}`);
  const self = { labels: { pool: 'simulated' }, capacity: 4, version: '0.1.0' };
  const target = { ...parseJoinString(joinString), address: cluster.node(n % cluster.nodes.length).clusterAddress };
  // From one address no more than so many may join in a minute, at each node: the last ones wait for the next.
  const file = await until(
    'it may join',
    () =>
      joinAsRunner({
        ...{ target, dataDir, name: `simulated-${n}`, ...self },
        ...{ clusterToken: 'quorate', timeoutMs: 30_000, clock: Date.now },
      }),
    { boundMs: 90_000, everyMs: 2_000 },
  );
  const tls = { ca: file.ca, cert: file.certificate, key: runnerKey(dataDir), checkServerIdentity: () => undefined };
  const links = file.cores.map((address) =>
    openLink({
      ...{
        address,
        tls: () => tls as never,
        logger: silentLogger(),
        sample: () => ({ cpu_percent: 12.5, memory_percent: 40 }),
      },
      ...{ onWork: nothing, onCores: nothing, onTrust: nothing, onRenewed: nothing, output: async () => undefined },
      onOpen: (link) => void link.hello(self).catch(nothing),
    }),
  );
  await until('it is connected to every node', () => links.every(({ isOpen }) => isOpen));
  const stopMeasuring = measureAgainAndAgain(links, n);
  return () => {
    stopMeasuring();
    for (const link of links) link.close();
  };
}
const nothing = (): void => undefined;

/** As the outbox of a runner does it: one core first, the others once that one has it. */
function measureAgainAndAgain(links: readonly Link[], n: number): () => void {
  let seq = Math.floor(Date.now() / 1000);
  const holder = links[n % links.length];
  const tell = async (): Promise<void> => {
    seq += 1;
    const measured = batch(seq);
    await holder?.sendMetrics(measured, false, holder.stamp.value);
    for (const link of links) if (link !== holder) link.sendMetrics(measured, true, link.stamp.value).catch(nothing);
  };
  const timer = setInterval(() => void tell().catch(nothing), SAMPLE_MS);
  return () => clearInterval(timer);
}

async function measure(cluster: Cluster): Promise<number> {
  const tokens = await Promise.all(
    Array.from({ length: RUNNERS / TOKEN_USES }, () => cluster.mint({ kind: 'runner', max_uses: TOKEN_USES })),
  );
  const stops: (() => void)[] = [];
  try {
    await concurrently(RUNNERS, JOINING, async (n) => {
      const token = tokens[Math.floor(n / TOKEN_USES)];
      if (token) stops.push(await connect(cluster, n, token.join_string));
    });
    await sleep(SAMPLE_MS);
    const { pid, name } = await cluster.leader();
    const [usedBefore, startedAt] = [cpuSeconds(pid), performance.now()];
    await sleep(MEASURED_MS);
    const seconds = (performance.now() - startedAt) / 1000;
    if ((await cluster.leader()).name !== name) throw new Unmeasurable('another node has become the leader meanwhile');
    const percent = (100 * (cpuSeconds(pid) - usedBefore)) / seconds;
    note(`  ${stops.length} runners connected; ${percent.toPrecision(3)} % of a core in ${seconds.toPrecision(3)} s`);
    return percent;
  } finally {
    for (const stop of stops) stop();
  }
}

export const leaderWithRunners: Figure = {
  name: 'leader with 200 runners',
  unit: '%',
  bound: { at: 'most', value: 25 },
  why: `processor time of the leader's daemon in % of one core over ${MEASURED_MS / 1000} s, while ${RUNNERS} runners of one process are connected to three nodes and send heartbeats and measurements`,
  measure: () => withCluster(3, measure, { 'log.level': 'warn' }),
};
