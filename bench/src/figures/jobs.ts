import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Cluster } from '@quorate/e2e/src/harness/cluster';
import { until } from '@quorate/e2e/src/harness/until';
import type { Client } from '@quorate/shared/client';
import { type Job, jobRoutes } from '@quorate/shared/jobs';
import { concurrently, type Figure, median, note, secondsOf, Unmeasurable } from '../figure';
import { withCluster } from './cluster';

const STARTS = 30;
const JOBS = 600;
/** Jobs at once on each of the three nodes. */
const CONCURRENCY = 8;
const NODES = 3;
const SUBMITTERS = 32;
const SETTINGS = { 'workers.concurrency': String(CONCURRENCY), 'log.level': 'warn' };

const submit = (client: Client, command: string, args: string[]): Promise<Job> =>
  client.call(jobRoutes.create, { body: { spec: { kind: 'exec', command, args } } });

async function ended(client: Client, id: string): Promise<Job> {
  let job: Job | undefined;
  await until(
    'the job is over',
    async () => {
      job = await client.call(jobRoutes.get, { params: { id } });
      return job.finished_at !== null;
    },
    { boundMs: 30_000 },
  );
  if (job?.state !== 'succeeded') throw new Unmeasurable(`a job ${job?.state}`);
  return job;
}

/** Milliseconds from the sending of the request to the time that the program itself reads from the clock. */
async function startTime(client: Client): Promise<number> {
  const sentAt = performance.timeOrigin + performance.now();
  const { id } = await submit(client, 'date', ['+%s.%N']);
  const { output_tail } = await ended(client, id);
  return Number(output_tail) * 1000 - sentAt;
}

async function throughput(client: Client): Promise<number> {
  const before = await client.call(jobRoutes.summary, {});
  const seconds = await secondsOf(async () => {
    await concurrently(JOBS, SUBMITTERS, () => submit(client, '/bin/true', []));
    await until(
      'all are over',
      async () => {
        const { counts } = await client.call(jobRoutes.summary, {});
        return counts.succeeded - before.counts.succeeded >= JOBS;
      },
      { boundMs: 60_000 },
    );
  });
  return JOBS / seconds;
}

/** The same program as often, started by this process and by nobody asked. */
async function bareSpawns(): Promise<number> {
  const one = async (): Promise<void> => {
    const child = spawn('/bin/true', [], { detached: true, stdio: 'pipe' });
    await once(child, 'close');
  };
  return JOBS / (await secondsOf(() => concurrently(JOBS, NODES * CONCURRENCY, one)));
}

async function measureAll(cluster: Cluster): Promise<{ startMs: number; perSecond: number; ratio: number }> {
  const client = cluster.node(0).client(60_000);
  await startTime(client);
  const starts: number[] = [];
  for (let n = 0; n < STARTS; n += 1) starts.push(await startTime(client));
  await throughput(client);
  const perSecond = await throughput(client);
  const bare = await bareSpawns();
  note(`  jobs: ${perSecond.toPrecision(4)}/s, bare spawns: ${bare.toPrecision(4)}/s`);
  return { startMs: median(starts), perSecond, ratio: perSecond / bare };
}

/** One cluster gives all figures. */
let measured: ReturnType<typeof measureAll> | undefined;
function measure() {
  measured ??= withCluster(NODES, measureAll, SETTINGS);
  return measured;
}

export const jobStart: Figure = {
  name: 'start of a job',
  unit: 'ms',
  bound: { at: 'most', value: 20 },
  why: `from the request to the program's own first look at the clock, on an idle cluster of three that executes jobs itself; median of ${STARTS}`,
  measure: async () => (await measure()).startMs,
};

export const jobThroughput: Figure = {
  name: 'short jobs',
  unit: 'jobs/s',
  bound: { at: 'least', value: 300 },
  why: `${JOBS} of /bin/true, submitted by ${SUBMITTERS} at once over HTTP to one of three nodes, until the last is over; ${CONCURRENCY} at a time on each node`,
  measure: async () => (await measure()).perSecond,
};

export const jobsAgainstSpawns: Figure = {
  name: 'jobs against spawns',
  unit: 'ratio',
  bound: { at: 'least', value: 0.25 },
  why: `the same figure against starting /bin/true as often from one process, ${NODES * CONCURRENCY} at once, with everything else on the same machine`,
  measure: async () => (await measure()).ratio,
};
