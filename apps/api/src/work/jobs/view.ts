import type { Job } from '@quorate/shared/jobs';
import { asc, eq, sql } from 'drizzle-orm';
import { prepared } from '../../db/prepared';
import type { StateDb } from '../../db/state-store';
import { toTimestamp } from '../../lib/clock';
import { runners } from '../../resources/runners/table';
import { type RunnerLoad, waitingFor } from './assign';
import { labelsOf } from './queries';
import { type AttemptRow, type JobRow, jobAttempts } from './table';

const timeOf = (at: number | null): string | null => (at === null ? null : toTimestamp(at));

const statements = prepared((db) => ({
  attempts: db
    .select({ attempt: jobAttempts, runner: runners.name })
    .from(jobAttempts)
    .leftJoin(runners, eq(runners.id, jobAttempts.runnerId))
    .where(eq(jobAttempts.jobId, sql.placeholder('job')))
    .orderBy(asc(jobAttempts.attempt))
    .prepare(),
}));

function viewAttempt(row: AttemptRow, runner: string | null): Job['attempts'][number] {
  return {
    attempt: row.attempt,
    runner: runner ?? row.runnerId,
    assigned_at: toTimestamp(row.assignedAt),
    started_at: timeOf(row.startedAt),
    finished_at: timeOf(row.finishedAt),
    outcome: row.outcome,
    exit_code: row.exitCode,
    signal: row.signal,
    error: row.error,
  };
}

/** In one sentence; null for a job that does not wait, or is about to begin. */
export function whyWaiting(row: JobRow, loads: readonly RunnerLoad[], now: number): string | null {
  if (row.state !== 'queued') return null;
  if (row.notBefore > now) return `the next attempt is due at ${toTimestamp(row.notBefore)}`;
  if (row.kind !== 'exec') return null;
  return waitingFor({ id: row.id, labels: labelsOf(row.spec) }, loads);
}

/** As the API shows it. `loads`: see runnerLoads, needed for one that waits; `now` in ms. */
export function viewJob(db: StateDb, row: JobRow, loads: readonly RunnerLoad[], now: number): Job {
  const attempts = statements(db).attempts.all({ job: row.id });
  return {
    id: row.id,
    kind: row.kind,
    state: row.state,
    waiting_for: whyWaiting(row, loads, now),
    spec: row.spec,
    priority: 0 - row.rank,
    retry: { max_attempts: row.maxAttempts, backoff_seconds: row.backoffMs / 1000 },
    attempts: attempts.map(({ attempt, runner }) => viewAttempt(attempt, runner)),
    not_before: timeOf(row.state === 'queued' ? row.notBefore : null),
    output_tail: row.outputTail,
    output_bytes: row.outputBytes,
    schedule_id: row.scheduleId,
    cancel_requested: row.cancelRequested,
    created_by: row.createdBy,
    created_at: toTimestamp(row.createdAt),
    finished_at: timeOf(row.finishedAt),
  };
}
