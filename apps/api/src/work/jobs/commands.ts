import {
  CORE_RUNNER,
  FINAL_JOB_STATES,
  jobSpecSchema,
  KEPT_DEAD_LETTERS,
  KEPT_FINISHED_JOBS,
  MAX_JOBS_AT_ONCE,
} from '@quorate/shared/jobs';
import { jobEndSchema, jobReportSchema, MAX_REPORTS } from '@quorate/shared/runner-protocol';
import { and, asc, eq, inArray } from 'drizzle-orm';
import { z } from 'zod';
import { type ApplyContext, defineCommand } from '../../commands/define-command';
import { DomainError } from '../../commands/domain-error';
import type { StateDb } from '../../db/state-store';
import { setProblem } from '../../resources/runners/commands';
import { assignJobs } from './assign';
import {
  beginAttempt,
  endAttempt,
  finish,
  insertJobs,
  isUnderWay,
  keepOutput,
  markStarted,
  reopen,
  settle,
  takeBack,
} from './lifecycle';
import {
  countDeadLetters,
  countOver,
  deadLetters,
  findJob,
  labelsAt,
  progressOf,
  runnerLoads,
  waitingCoreJobs,
  waitingJobs,
} from './queries';
import { isOver, type JobRow, jobs } from './table';

const MAX_TAIL = 16_384;
const MAX_ERROR = 500;

const attemptOf = { id: z.uuid(), attempt: z.int().min(1), runnerId: z.string().max(64) };

/** How many attempts a job has, and what is between them. */
export const retryFields = { maxAttempts: z.int().min(1), backoffMs: z.int().min(0) };

const newJob = z.object({ id: z.uuid(), spec: jobSpecSchema, priority: z.int(), ...retryFields });

/** All of them, or none. */
export const submitJobs = defineCommand({
  type: 'jobs.submit',
  since: 1,
  input: z.object({ jobs: z.array(newJob).min(1).max(MAX_JOBS_AT_ONCE) }),
  target: ({ jobs: [first, ...more] }) =>
    more.length === 0 ? `${first?.id}` : `${more.length + 1} jobs from ${first?.id}`,
  apply(tx, input, ctx) {
    insertJobs(
      tx,
      input.jobs.map((job) => ({ ...job, scheduleId: null })),
      ctx,
    );
    return { ids: input.jobs.map(({ id }) => id) };
  },
});

/**
 * Gives jobs that wait to runners: by priority, then by age. What is assigned is decided where it is applied, so that no two
 * proposals can give one job away twice.
 */
export const assignWaiting = defineCommand({
  type: 'jobs.assign',
  since: 1,
  audited: false,
  input: z.object({ limit: z.int().min(1).max(1_000) }),
  apply(tx, { limit }, ctx) {
    const loads = runnerLoads(tx);
    const waiting = waitingJobs(tx, loads, { limit, at: ctx.at });
    const byId = new Map(waiting.map((job) => [job.id, job]));
    const found = assignJobs(
      waiting.map((job) => ({ id: job.id, labels: labelsAt(job.labels) })),
      loads,
    );
    for (const { job: id, runner } of found) {
      const job = byId.get(id);
      if (job) beginAttempt(tx, job, { runnerId: runner, state: 'assigned' }, ctx);
    }
    return { assigned: found.length };
  },
});

/** Begins jobs that the cluster does itself, as many as may be under way. */
export const startCoreJobs = defineCommand({
  type: 'jobs.start_core',
  since: 1,
  audited: false,
  input: z.object({}),
  apply(tx, _input, ctx) {
    const due = waitingCoreJobs(tx, ctx.at);
    for (const job of due) beginAttempt(tx, job, { runnerId: CORE_RUNNER, state: 'running' }, ctx);
    return { started: due.length };
  },
});

const end = jobEndSchema.extend({
  error: z.string().transform((text) => text.slice(0, MAX_ERROR)),
  signal: z.string().max(32).nullable(),
  outputTail: z.string().transform((text) => text.slice(-MAX_TAIL)),
});
const [started, finished] = jobReportSchema.options;
const report = z.discriminatedUnion('step', [started, finished.extend({ end })]);
type Report = z.infer<typeof report>;

/**
 * What a runner says came of its attempts, in the order in which it happened. What is said of an attempt that is over, or
 * with another runner, does not count; a repetition changes nothing.
 */
export const reportJobs = defineCommand({
  type: 'jobs.report',
  since: 1,
  audited: false,
  input: z.object({ runnerId: attemptOf.runnerId, reports: z.array(report).min(1).max(MAX_REPORTS) }),
  apply(tx, { runnerId, reports }, ctx) {
    const refused = reports.filter((one) => !applyReport(tx, runnerId, one, ctx));
    return { refused: refused.map(({ id, attempt, step }) => `${id}.${attempt} ${step}`) };
  },
});

function applyReport(tx: StateDb, runnerId: string, what: Report, ctx: ApplyContext): boolean {
  const job = progressOf(tx, what.id);
  if (!isUnderWay(job, { attempt: what.attempt, runnerId })) return false;
  if (what.step === 'started') {
    if (job.state !== 'running') markStarted(tx, job, ctx);
    return true;
  }
  const { outputTail, outputBytes, ...end } = what.end;
  endAttempt(tx, job, { ...end, began: what.began }, ctx);
  if (what.handedBack !== undefined) {
    setProblem(tx, runnerId, what.handedBack, ctx);
    takeBack(tx, job, ctx);
    return true;
  }
  keepOutput(tx, job, outputTail, outputBytes);
  settle(tx, job, end.outcome, ctx);
  return true;
}

/** The runner is gone, and its lease is over: whatever it still says of the attempt does not count. */
export const loseJob = defineCommand({
  type: 'jobs.lost',
  since: 1,
  audited: false,
  input: z.object({ ...attemptOf, reason: z.string().max(MAX_ERROR) }),
  apply(tx, { reason, ...of }, ctx) {
    const job = findJob(tx, of.id);
    if (!isUnderWay(job, of)) throw new DomainError('conflict', `attempt ${of.attempt} of the job is over already`);
    endAttempt(tx, job, { outcome: 'lost', exitCode: null, signal: null, error: reason, began: false }, ctx);
    settle(tx, job, 'lost', ctx);
  },
});

/** Forgets the oldest of the jobs that are over, beyond those that are kept. */
export const pruneJobs = defineCommand({
  type: 'jobs.prune',
  since: 1,
  audited: false,
  input: z.object({ limit: z.int().min(1).max(2_000) }),
  apply(tx, { limit }) {
    let pruned = 0;
    for (const state of FINAL_JOB_STATES) {
      const over = Math.min(excessOf(tx, state), limit);
      if (over <= 0) continue;
      const order = [asc(jobs.finishedAt), asc(jobs.id)];
      const oldest = tx
        .select({ id: jobs.id })
        .from(jobs)
        .where(and(isOver, eq(jobs.state, state)))
        .orderBy(...order)
        .limit(over);
      tx.delete(jobs).where(inArray(jobs.id, oldest)).run();
      pruned += over;
    }
    return { pruned };
  },
});

/** Jobs in this state that are too many. */
export const excessOf = (db: StateDb, state: (typeof FINAL_JOB_STATES)[number]): number =>
  countOver(db, state) - (state === 'failed' ? KEPT_DEAD_LETTERS : KEPT_FINISHED_JOBS);

export const cancelJob = defineCommand({
  type: 'jobs.cancel',
  since: 1,
  input: z.object({ id: z.uuid() }),
  target: (input) => input.id,
  apply(tx, { id }, ctx) {
    const job = findJob(tx, id);
    if (job.state === 'cancelled' || job.cancelRequested) return;
    if (job.finishedAt !== null) throw new DomainError('conflict', `the job has ${job.state} already`);
    if (job.state === 'queued') return finish(tx, job, 'cancelled', ctx);
    tx.update(jobs).set({ cancelRequested: true }).where(eq(jobs.id, id)).run();
  },
});

export const retryJob = defineCommand({
  type: 'jobs.retry',
  since: 1,
  input: z.object({ id: z.uuid() }),
  target: (input) => input.id,
  apply(tx, { id }, ctx) {
    const job = findJob(tx, id);
    if (job.state !== 'failed' && job.state !== 'cancelled') {
      throw new DomainError('conflict', `the job is ${job.state}; only failed and cancelled ones are run again`);
    }
    reopen(tx, job, ctx);
  },
});

export const retryDeadLetters = defineCommand({
  type: 'jobs.retry_dead_letters',
  since: 1,
  input: z.object({
    kind: z.string().max(64).nullable(),
    scheduleId: z.uuid().nullable(),
    /** Failed before this time, ms. */
    before: z.int().nullable(),
    limit: z.int().min(1).max(1_000),
  }),
  target: () => 'jobs/dead-letters',
  apply(tx, { limit, ...filter }, ctx) {
    const found: JobRow[] = deadLetters(tx, filter, limit);
    for (const job of found) reopen(tx, job, ctx);
    return { retried: found.length, left: countDeadLetters(tx, filter) };
  },
});

export const jobCommands = [
  submitJobs,
  assignWaiting,
  startCoreJobs,
  reportJobs,
  loseJob,
  pruneJobs,
  cancelJob,
  retryJob,
  retryDeadLetters,
];
