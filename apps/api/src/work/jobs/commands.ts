import { FINAL_JOB_STATES, jobSpecSchema } from '@quorate/shared/jobs';
import { and, asc, eq, inArray } from 'drizzle-orm';
import { z } from 'zod';
import { type ApplyContext, defineCommand } from '../../commands/define-command';
import { DomainError } from '../../commands/domain-error';
import type { StateDb } from '../../db/state-store';
import { assignJobs } from './assign';
import { canonicalLabels, countJobs, findJob, labelsOf, runnerLoads, waitingJobs } from './queries';
import { type AttemptRow, type JobRow, jobAttempts, jobs } from './table';

/** Not finished, in the whole cluster. */
const MAX_OPEN = 50_000;
/** Finished ones that are kept; the oldest go first, some with each job that finishes. */
const KEPT_FINISHED = 10_000;
const PRUNE_STEP = 20;
const MAX_BACKOFF_MS = 3_600_000;
const MAX_TAIL = 16_384;
const MAX_ERROR = 500;

const attemptOf = { id: z.uuid(), attempt: z.int().min(1), runnerId: z.uuid() };

export const submitJob = defineCommand({
  type: 'jobs.submit',
  since: 1,
  input: z.object({
    id: z.uuid(),
    spec: jobSpecSchema,
    priority: z.int(),
    maxAttempts: z.int().min(1),
    backoffMs: z.int().min(0),
  }),
  target: (input) => input.id,
  apply(tx, { id, spec, priority, ...rest }, ctx) {
    if (countJobs(tx, 'queued', 'assigned', 'running') >= MAX_OPEN) {
      throw new DomainError('overloaded', `${MAX_OPEN} jobs are open already; wait for them or cancel some`, [], 30);
    }
    tx.insert(jobs)
      .values({
        ...{ id, spec, kind: spec.kind, labels: canonicalLabels(labelsOf(spec)), rank: -priority, ...rest },
        ...{ state: 'queued', attempt: 0, forgiven: 0, runnerId: null, notBefore: ctx.at },
        ...{ cancelRequested: false, outputTail: '', createdBy: ctx.actor.name, createdAt: ctx.at, finishedAt: null },
      })
      .run();
    return { id };
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
      waiting.map((job) => ({ id: job.id, labels: labelsOf(job.spec) })),
      loads,
    );
    for (const { job: id, runner } of found) {
      const job = byId.get(id);
      if (job) assignOne(tx, job, runner, ctx);
    }
    return { assigned: found.length };
  },
});

function assignOne(tx: StateDb, job: JobRow, runnerId: string, ctx: ApplyContext): void {
  const attempt = job.attempt + 1;
  tx.update(jobs).set({ state: 'assigned', attempt, runnerId }).where(eq(jobs.id, job.id)).run();
  const open = { startedAt: null, finishedAt: null, exitCode: null, signal: null };
  tx.insert(jobAttempts)
    .values({ jobId: job.id, attempt, runnerId, assignedAt: ctx.at, ...open, outcome: 'running', error: '' })
    .run();
}

/** The job, when this attempt of it is under way with this runner. @throws DomainError conflict: it is fenced */
function requireAttempt(tx: StateDb, input: { id: string; attempt: number; runnerId: string }): JobRow {
  const job = findJob(tx, input.id);
  const isOpen = job.state === 'assigned' || job.state === 'running';
  if (isOpen && job.attempt === input.attempt && job.runnerId === input.runnerId) return job;
  throw new DomainError('conflict', `attempt ${input.attempt} of the job is over: what came of it does not count`);
}

function updateAttempt(tx: StateDb, job: JobRow, change: Partial<AttemptRow>): void {
  tx.update(jobAttempts)
    .set(change)
    .where(and(eq(jobAttempts.jobId, job.id), eq(jobAttempts.attempt, job.attempt)))
    .run();
}

export const startedJob = defineCommand({
  type: 'jobs.started',
  since: 1,
  audited: false,
  input: z.object(attemptOf),
  apply(tx, input, ctx) {
    const job = requireAttempt(tx, input);
    if (job.state === 'running') return;
    tx.update(jobs).set({ state: 'running' }).where(eq(jobs.id, job.id)).run();
    updateAttempt(tx, job, { startedAt: ctx.at });
  },
});

export const finishedJob = defineCommand({
  type: 'jobs.finished',
  since: 1,
  audited: false,
  input: z.object({
    ...attemptOf,
    outcome: z.enum(['succeeded', 'failed', 'timed_out', 'cancelled']),
    exitCode: z.int().nullable(),
    signal: z.string().max(32).nullable(),
    error: z.string().transform((text) => text.slice(0, MAX_ERROR)),
    outputTail: z.string().transform((text) => text.slice(-MAX_TAIL)),
  }),
  apply(tx, { outcome, exitCode, signal, error, outputTail, ...of }, ctx) {
    const job = requireAttempt(tx, of);
    updateAttempt(tx, job, { outcome, exitCode, signal, error, finishedAt: ctx.at });
    tx.update(jobs).set({ outputTail }).where(eq(jobs.id, job.id)).run();
    settle(tx, job, outcome, ctx);
  },
});

/** The runner is gone, and its lease is over: whatever it still says of the attempt does not count. */
export const loseJob = defineCommand({
  type: 'jobs.lost',
  since: 1,
  audited: false,
  input: z.object({ ...attemptOf, reason: z.string().max(MAX_ERROR) }),
  apply(tx, { reason, ...of }, ctx) {
    const job = requireAttempt(tx, of);
    updateAttempt(tx, job, { outcome: 'lost', error: reason, finishedAt: ctx.at });
    settle(tx, job, 'lost', ctx);
  },
});

/** What becomes of a job after an attempt. */
function settle(tx: StateDb, job: JobRow, outcome: AttemptRow['outcome'], ctx: ApplyContext): void {
  const done = outcome === 'succeeded' ? 'succeeded' : job.cancelRequested ? 'cancelled' : undefined;
  const made = job.attempt - job.forgiven;
  if (!done && outcome !== 'cancelled' && made < job.maxAttempts) {
    const backoffMs = Math.min(job.backoffMs * 2 ** (made - 1), MAX_BACKOFF_MS);
    const again = { state: 'queued', runnerId: null, notBefore: ctx.at + backoffMs } as const;
    tx.update(jobs).set(again).where(eq(jobs.id, job.id)).run();
    return;
  }
  finish(tx, job, done ?? (outcome === 'cancelled' ? 'cancelled' : 'failed'), ctx);
}

function finish(tx: StateDb, job: JobRow, state: (typeof FINAL_JOB_STATES)[number], ctx: ApplyContext): void {
  tx.update(jobs).set({ state, runnerId: null, finishedAt: ctx.at }).where(eq(jobs.id, job.id)).run();
  if (state === 'failed') {
    ctx.event(
      'job.failed',
      `job ${job.id} (${job.kind}) failed for good after ${job.attempt - job.forgiven} attempts`,
      {
        job: job.id,
      },
    );
  }
  prune(tx);
}

function prune(tx: StateDb): void {
  const over = Math.min(countJobs(tx, ...FINAL_JOB_STATES) - KEPT_FINISHED, PRUNE_STEP);
  if (over <= 0) return;
  const oldest = tx
    .select({ id: jobs.id })
    .from(jobs)
    .where(inArray(jobs.state, [...FINAL_JOB_STATES]))
    .orderBy(asc(jobs.id))
    .limit(over);
  tx.delete(jobs).where(inArray(jobs.id, oldest)).run();
}

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
    tx.update(jobs)
      .set({ state: 'queued', forgiven: job.attempt, notBefore: ctx.at, cancelRequested: false, finishedAt: null })
      .where(eq(jobs.id, id))
      .run();
  },
});

export const jobCommands = [submitJob, assignWaiting, startedJob, finishedJob, loseJob, cancelJob, retryJob];
