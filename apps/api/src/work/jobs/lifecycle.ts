import { type FINAL_JOB_STATES, type JobSpec, MAX_OPEN_JOBS } from '@quorate/shared/jobs';
import { eq } from 'drizzle-orm';
import type { ApplyContext } from '../../commands/define-command';
import { DomainError } from '../../commands/domain-error';
import { prepared, preparedInsert } from '../../db/prepared';
import type { StateDb } from '../../db/state-store';
import { failureOf } from './failure';
import { findJob, type JobProgress, openJobs, placeOf } from './queries';
import { type AttemptRow, type JobRow, jobAttempts, jobs } from './table';

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

// These run for each job: SQL that is built each time costs more than all else.
const insertRow = preparedInsert(jobs);
const insertAttempt = preparedInsert(jobAttempts);
const statements = prepared((db) => {
  const sql = db.$client;
  return {
    count: sql.prepare<[number, number]>(
      'INSERT INTO job_totals (id, open) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET open = open + ?',
    ),
    begin: sql.prepare<[string, number, string, string]>(
      'UPDATE jobs SET state = ?, attempt = ?, runner_id = ? WHERE id = ?',
    ),
    running: sql.prepare<[string]>("UPDATE jobs SET state = 'running' WHERE id = ?"),
    started: sql.prepare<[number, string, number]>(
      'UPDATE job_attempts SET started_at = ? WHERE job_id = ? AND attempt = ?',
    ),
    ended: sql.prepare<[number | null, number, string, number | null, string | null, string, string, number]>(
      'UPDATE job_attempts SET started_at = coalesce(started_at, ?), finished_at = ?, outcome = ?, exit_code = ?, signal = ?, error = ? WHERE job_id = ? AND attempt = ?',
    ),
    output: sql.prepare<[string, number, string]>('UPDATE jobs SET output_tail = ?, output_bytes = ? WHERE id = ?'),
    finish: sql.prepare<[string, number, string]>(
      'UPDATE jobs SET state = ?, runner_id = NULL, finished_at = ? WHERE id = ?',
    ),
    waitAnew: sql.prepare<[number, string]>(
      "UPDATE jobs SET state = 'queued', runner_id = NULL, forgiven = forgiven + 1, not_before = ? WHERE id = ?",
    ),
    again: sql.prepare<[number, string]>(
      "UPDATE jobs SET state = 'queued', runner_id = NULL, not_before = ? WHERE id = ?",
    ),
  };
});

const countOpen = (tx: StateDb, change: number): void => void statements(tx).count.run(change, change);

/** @throws DomainError overloaded */
function admit(tx: StateDb, n: number): void {
  const left = Math.max(0, MAX_OPEN_JOBS - openJobs(tx));
  if (n > left) {
    const detail = `at most ${MAX_OPEN_JOBS} jobs may be open, so ${left} more may be submitted now; wait for others, or cancel some`;
    throw new DomainError('overloaded', detail, [], 30);
  }
  countOpen(tx, n);
}

/** All of them, or none. @throws DomainError overloaded */
export function insertJobs(tx: StateDb, newJobs: readonly NewJob[], ctx: ApplyContext): void {
  admit(tx, newJobs.length);
  for (const job of newJobs) insertQueued(tx, job, ctx);
}

function insertQueued(tx: StateDb, { priority, ...job }: NewJob, ctx: ApplyContext): void {
  insertRow(tx, {
    ...{ ...job, kind: job.spec.kind, labels: placeOf(job.spec), rank: -priority },
    ...{ state: 'queued', attempt: 0, forgiven: 0, runnerId: null, notBefore: ctx.at, cancelRequested: false },
    ...{ outputTail: '', outputBytes: 0, createdBy: ctx.actor.name, createdAt: ctx.at, finishedAt: null },
  });
}

/** Gives the next attempt of a job that waits to somebody. `state`: `running` where it begins at once. */
export function beginAttempt(
  tx: StateDb,
  job: Pick<JobRow, 'id' | 'attempt'>,
  { runnerId, state }: { runnerId: string; state: 'assigned' | 'running' },
  ctx: ApplyContext,
): void {
  const attempt = job.attempt + 1;
  statements(tx).begin.run(state, attempt, runnerId, job.id);
  const startedAt = state === 'running' ? ctx.at : null;
  const open = { startedAt, finishedAt: null, exitCode: null, signal: null };
  insertAttempt(tx, { jobId: job.id, attempt, runnerId, assignedAt: ctx.at, ...open, outcome: 'running', error: '' });
}

/** The attempt under way runs now. */
export function markStarted(tx: StateDb, { id, attempt }: JobProgress, ctx: ApplyContext): void {
  statements(tx).running.run(id);
  statements(tx).started.run(ctx.at, id, attempt);
}

/** Writes down how the attempt under way ended; `settle` is to follow. `began`: it ran, though nobody may have said so. */
export function endAttempt(
  tx: StateDb,
  { id, attempt }: JobProgress,
  {
    outcome,
    exitCode,
    signal,
    error,
    began,
  }: Pick<AttemptRow, 'outcome' | 'exitCode' | 'signal' | 'error'> & {
    readonly began: boolean;
  },
  ctx: ApplyContext,
): void {
  statements(tx).ended.run(began ? ctx.at : null, ctx.at, outcome, exitCode, signal, error, id, attempt);
}

export function keepOutput(tx: StateDb, { id }: JobProgress, tail: string, bytes: number): void {
  statements(tx).output.run(tail, bytes, id);
}

/** Whether this attempt of it is under way with this runner; else what is said of it does not count. */
export const isUnderWay = <T extends JobProgress>(
  job: T | undefined,
  of: { attempt: number; runnerId: string },
): job is T =>
  job !== undefined &&
  (job.state === 'assigned' || job.state === 'running') &&
  job.attempt === of.attempt &&
  job.runnerId === of.runnerId;

/** What becomes of a job after an attempt. */
export function settle(tx: StateDb, job: JobProgress, outcome: AttemptRow['outcome'], ctx: ApplyContext): void {
  const made = job.attempt - job.forgiven;
  const isLast = made >= job.maxAttempts;
  if (outcome === 'succeeded') finish(tx, job, 'succeeded', ctx);
  else if (job.cancelRequested) finish(tx, job, 'cancelled', ctx);
  else if (isLast) finish(tx, job, 'failed', ctx);
  else {
    const backoffMs = Math.min(job.backoffMs * 2 ** (made - 1), MAX_BACKOFF_MS);
    statements(tx).again.run(ctx.at + backoffMs, job.id);
  }
}

/** Its runner could not begin the attempt: it waits for another, as if there had been none. */
export function takeBack(tx: StateDb, job: JobProgress, ctx: ApplyContext): void {
  if (job.cancelRequested) finish(tx, job, 'cancelled', ctx);
  else statements(tx).waitAnew.run(ctx.at, job.id);
}

export function finish(
  tx: StateDb,
  { id }: Pick<JobRow, 'id'>,
  state: (typeof FINAL_JOB_STATES)[number],
  ctx: ApplyContext,
): void {
  statements(tx).finish.run(state, ctx.at, id);
  countOpen(tx, -1);
  if (state === 'failed') ctx.event('job.failed', failureOf(tx, findJob(tx, id)), { job: id });
}

/** Lets a job that is over begin anew, with all its attempts. @throws DomainError overloaded */
export function reopen(tx: StateDb, job: JobRow, ctx: ApplyContext): void {
  admit(tx, 1);
  const anew = { forgiven: job.attempt, notBefore: ctx.at, cancelRequested: false, finishedAt: null };
  tx.update(jobs)
    .set({ state: 'queued', ...anew })
    .where(eq(jobs.id, job.id))
    .run();
}
