import { type FINAL_JOB_STATES, type JobSpec, MAX_OPEN_JOBS } from '@quorate/shared/jobs';
import { and, eq } from 'drizzle-orm';
import type { ApplyContext } from '../../commands/define-command';
import { DomainError } from '../../commands/domain-error';
import type { StateDb } from '../../db/state-store';
import { openJobs, placeOf } from './queries';
import { type AttemptRow, type JobRow, jobAttempts, jobs, jobTotals } from './table';

// What becomes of a job, for the commands that change it. Pure, like them.

const MAX_BACKOFF_MS = 3_600_000;

export interface NewJob {
  readonly id: string;
  readonly spec: JobSpec;
  readonly priority: number;
  readonly maxAttempts: number;
  readonly backoffMs: number;
  readonly scheduleId: string | null;
}

function countOpen(tx: StateDb, change: 1 | -1): void {
  const row = { id: 1, open: openJobs(tx) + change };
  tx.insert(jobTotals).values(row).onConflictDoUpdate({ target: jobTotals.id, set: row }).run();
}

/** @throws DomainError overloaded */
function openOne(tx: StateDb): void {
  if (openJobs(tx) >= MAX_OPEN_JOBS) {
    throw new DomainError('overloaded', `${MAX_OPEN_JOBS} jobs are open already; wait for them or cancel some`, [], 30);
  }
  countOpen(tx, 1);
}

/** @throws DomainError overloaded */
export function insertJob(tx: StateDb, { priority, ...job }: NewJob, ctx: ApplyContext): void {
  openOne(tx);
  tx.insert(jobs)
    .values({
      ...{ ...job, kind: job.spec.kind, labels: placeOf(job.spec), rank: -priority },
      ...{ state: 'queued', attempt: 0, forgiven: 0, runnerId: null, notBefore: ctx.at, cancelRequested: false },
      ...{ outputTail: '', outputBytes: 0, createdBy: ctx.actor.name, createdAt: ctx.at, finishedAt: null },
    })
    .run();
}

/** Gives the next attempt of a job that waits to somebody. `state`: `running` where it begins at once. */
export function beginAttempt(
  tx: StateDb,
  job: JobRow,
  { runnerId, state }: { runnerId: string; state: 'assigned' | 'running' },
  ctx: ApplyContext,
): void {
  const attempt = job.attempt + 1;
  tx.update(jobs).set({ state, attempt, runnerId }).where(eq(jobs.id, job.id)).run();
  const startedAt = state === 'running' ? ctx.at : null;
  const open = { startedAt, finishedAt: null, exitCode: null, signal: null };
  tx.insert(jobAttempts)
    .values({ jobId: job.id, attempt, runnerId, assignedAt: ctx.at, ...open, outcome: 'running', error: '' })
    .run();
}

export function updateAttempt(tx: StateDb, job: JobRow, change: Partial<AttemptRow>): void {
  tx.update(jobAttempts)
    .set(change)
    .where(and(eq(jobAttempts.jobId, job.id), eq(jobAttempts.attempt, job.attempt)))
    .run();
}

/** Whether this attempt of it is under way with this runner; else what is said of it does not count. */
export const isUnderWay = (job: JobRow | undefined, of: { attempt: number; runnerId: string }): job is JobRow =>
  job !== undefined &&
  (job.state === 'assigned' || job.state === 'running') &&
  job.attempt === of.attempt &&
  job.runnerId === of.runnerId;

/** What becomes of a job after an attempt. */
export function settle(tx: StateDb, job: JobRow, outcome: AttemptRow['outcome'], ctx: ApplyContext): void {
  const made = job.attempt - job.forgiven;
  const isLast = made >= job.maxAttempts;
  if (outcome === 'succeeded') finish(tx, job, 'succeeded', ctx);
  else if (job.cancelRequested) finish(tx, job, 'cancelled', ctx);
  else if (isLast) finish(tx, job, 'failed', ctx);
  else {
    const backoffMs = Math.min(job.backoffMs * 2 ** (made - 1), MAX_BACKOFF_MS);
    const again = { state: 'queued', runnerId: null, notBefore: ctx.at + backoffMs } as const;
    tx.update(jobs).set(again).where(eq(jobs.id, job.id)).run();
  }
}

export function finish(tx: StateDb, job: JobRow, state: (typeof FINAL_JOB_STATES)[number], ctx: ApplyContext): void {
  tx.update(jobs).set({ state, runnerId: null, finishedAt: ctx.at }).where(eq(jobs.id, job.id)).run();
  countOpen(tx, -1);
  if (state !== 'failed') return;
  const attempts = job.attempt - job.forgiven;
  const after = attempts === 1 ? '1 attempt' : `${attempts} attempts`;
  ctx.event('job.failed', `job ${job.id} (${job.kind}) failed for good after ${after}`, { job: job.id });
}

/** Lets a job that is over begin anew, with all its attempts. @throws DomainError overloaded */
export function reopen(tx: StateDb, job: JobRow, ctx: ApplyContext): void {
  openOne(tx);
  const anew = { forgiven: job.attempt, notBefore: ctx.at, cancelRequested: false, finishedAt: null };
  tx.update(jobs)
    .set({ state: 'queued', ...anew })
    .where(eq(jobs.id, job.id))
    .run();
}
