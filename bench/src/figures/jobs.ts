import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Cluster } from '@quorate/e2e/src/harness/cluster';
import { until } from '@quorate/e2e/src/harness/until';
import type { Client } from '@quorate/shared/client';
import { type Job, jobRoutes } from '@quorate/shared/jobs';
import { concurrently, type Figure, median, note, pairedRatio, secondsOf, Unmeasurable } from '../figure';
import { withCluster } from './cluster';

const STARTS = 30;
const JOBS = 1_000;
const PAIRS = 3;
/** Jobs in one request. */
const BATCH = 100;
/** Jobs at once on each of the three nodes. */
const CONCURRENCY = 16;
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

const TRUE = { spec: { kind: 'exec', command: '/bin/true' } } as const;

async function inBatches(client: Client): Promise<void> {
  const jobs = Array.from({ length: BATCH }, () => TRUE);
  for (let n = 0; n < JOBS / BATCH; n += 1) await client.call(jobRoutes.createBatch, { body: { jobs } });
}
const oneByOne = (client: Client): Promise<void> =>
  concurrently(JOBS, SUBMITTERS, () => client.call(jobRoutes.create, { body: TRUE }));

/** Jobs per second, from the first request to the end of the last job. */
async function throughput(client: Client, submitAll: (client: Client) => Promise<void>): Promise<number> {
  const before = await client.call(jobRoutes.summary, {});
  const seconds = await secondsOf(async () => {
    await submitAll(client);
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

/** The same program as often, started by a small process of its own. */
async function bareSpawns(): Promise<number> {
  const script = join(import.meta.dirname, 'bare-spawns.mjs');
  const { stdout } = await promisify(execFile)(process.execPath, [script, `${JOBS}`, `${NODES * CONCURRENCY}`]);
  return Number(stdout);
}

interface Measured {
  readonly startMs: number;
  readonly perSecond: number;
  readonly singlyPerSecond: number;
  readonly ratio: number;
}

async function measureAll(cluster: Cluster): Promise<Measured> {
  const client = cluster.node(0).client(60_000);
  await startTime(client);
  const starts: number[] = [];
  for (let n = 0; n < STARTS; n += 1) starts.push(await startTime(client));
  const rounds: number[] = [];
  const round = async (): Promise<number> => {
    rounds.push(await throughput(client, inBatches));
    return rounds.at(-1) ?? Number.NaN;
  };
  const ratio = await pairedRatio(PAIRS, round, bareSpawns);
  // The first one warms up.
  const perSecond = median(rounds.slice(1));
  const singly: number[] = [];
  for (let n = 0; n < PAIRS; n += 1) singly.push(await throughput(client, oneByOne));
  note(`  jobs, a request each: ${singly.map((one) => one.toPrecision(4)).join(', ')}/s`);
  return { startMs: median(starts), perSecond, singlyPerSecond: median(singly), ratio };
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
  why: `${JOBS} of /bin/true, submitted ${BATCH} at once to one of three nodes, until the last is over; ${CONCURRENCY} at a time on each node; median of ${PAIRS}`,
  measure: async () => (await measure()).perSecond,
};

export const jobsSingly: Figure = {
  name: 'short jobs, one by one',
  unit: 'jobs/s',
  bound: { at: 'least', value: 150 },
  why: `the same with a request for each job, ${SUBMITTERS} requests at a time`,
  measure: async () => (await measure()).singlyPerSecond,
};

export const jobsAgainstSpawns: Figure = {
  name: 'jobs against spawns',
  unit: 'ratio',
  bound: { at: 'least', value: 0.4 },
  why: `short jobs against a small process that starts /bin/true as often, ${NODES * CONCURRENCY} at once, and does nothing else; in pairs`,
  measure: async () => (await measure()).ratio,
};
