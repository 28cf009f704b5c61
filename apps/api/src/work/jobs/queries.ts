import { CORE_RUNNER, type ExecSpec, type FINAL_JOB_STATES, type JobSpec, type JobState } from '@quorate/shared/jobs';
import type { Labels } from '@quorate/shared/runners';
import { and, asc, count, eq, lt, sql } from 'drizzle-orm';
import { DomainError } from '../../commands/domain-error';
import { prepared } from '../../db/prepared';
import type { StateDb } from '../../db/state-store';
import { runners } from '../../resources/runners/table';
import { replicasByRunner } from '../services/queries';
import { canTake, type RunnerLoad } from './assign';
import { isOpen, isOver, type JobRow, jobs, jobTotals } from './table';

/** What changes from attempt to attempt, without what a job is. */
export type JobProgress = Pick<
  JobRow,
  'id' | 'state' | 'attempt' | 'forgiven' | 'maxAttempts' | 'backoffMs' | 'cancelRequested' | 'runnerId'
>;
/** A job that waits, as far as it takes to give it to somebody. */
export type WaitingRow = Pick<JobRow, 'id' | 'attempt' | 'labels' | 'rank'>;
type Raw<T> = { readonly [K in keyof T]: T[K] extends boolean ? number : T[K] };

// These run for each job, on every node: to map whole rows costs more than all else.
const plain = prepared((db) => {
  const sql = db.$client;
  return {
    progress: sql.prepare<[string], Raw<JobProgress>>(
      'SELECT id, state, attempt, forgiven, max_attempts AS maxAttempts, backoff_ms AS backoffMs, ' +
        'cancel_requested AS cancelRequested, runner_id AS runnerId FROM jobs WHERE id = ?',
    ),
    execOf: sql.prepare<[string], { id: string; attempt: number; spec: string; cancelRequested: number }>(
      'SELECT id, attempt, spec, cancel_requested AS cancelRequested FROM jobs ' +
        "WHERE runner_id = ? AND kind = 'exec' ORDER BY id",
    ),
    placeAfter: sql
      .prepare<[string], string>(
        "SELECT labels FROM jobs WHERE finished_at IS NULL AND state = 'queued' AND labels > ? ORDER BY labels LIMIT 1",
      )
      .pluck(),
    waiting: sql.prepare<[string, number, number], WaitingRow>(
      'SELECT id, attempt, labels, rank FROM jobs ' +
        "WHERE finished_at IS NULL AND state = 'queued' AND labels = ? AND not_before <= ? ORDER BY rank, id LIMIT ?",
    ),
    used: sql.prepare<[], { runner: string; n: number }>(
      'SELECT runner_id AS runner, count(*) AS n FROM jobs WHERE runner_id IS NOT NULL GROUP BY runner_id',
    ),
    hasCore: sql
      .prepare<[string], number>(
        "SELECT EXISTS (SELECT 1 FROM jobs WHERE finished_at IS NULL AND state IN ('queued', 'assigned', 'running') " +
          'AND labels = ?)',
      )
      .pluck(),
  };
});

const statements = prepared((db) => ({
  byId: db
    .select()
    .from(jobs)
    .where(eq(jobs.id, sql.placeholder('id')))
    .prepare(),
  open: db.select({ n: jobTotals.open }).from(jobTotals).prepare(),
  byRunner: db
    .select()
    .from(jobs)
    .where(eq(jobs.runnerId, sql.placeholder('runner')))
    .orderBy(asc(jobs.id))
    .prepare(),
  runners: db.select().from(runners).where(eq(runners.state, 'active')).orderBy(asc(runners.id)).prepare(),
}));

export const getJob = (db: StateDb, id: string): JobRow | undefined => statements(db).byId.get({ id });

/** How far it is. */
export function progressOf(db: StateDb, id: string): JobProgress | undefined {
  const row = plain(db).progress.get(id);
  return row && { ...row, cancelRequested: row.cancelRequested === 1 };
}

/** @throws DomainError not_found */
export function findJob(db: StateDb, id: string): JobRow {
  const row = getJob(db, id);
  if (!row) throw new DomainError('not_found', `there is no job ${id}; see GET /v1/jobs`);
  return row;
}

/** Jobs that are not over. */
export const openJobs = (db: StateDb): number => statements(db).open.get()?.n ?? 0;

export const countOver = (db: StateDb, state: (typeof FINAL_JOB_STATES)[number]): number =>
  db
    .select({ n: count() })
    .from(jobs)
    .where(and(isOver, eq(jobs.state, state)))
    .get()?.n ?? 0;

/** How many jobs are in which state; those that have none are left out. */
export function countByState(db: StateDb): Map<JobState, number> {
  const counted = [isOpen, isOver].flatMap((some) =>
    db.select({ state: jobs.state, n: count() }).from(jobs).where(some).groupBy(jobs.state).all(),
  );
  return new Map(counted.map(({ state, n }) => [state, n]));
}

/** Labels that a runner must have for it. */
export const labelsOf = (spec: JobSpec): Labels => (spec.kind === 'exec' ? spec.labels : {});

/** Who may do it, as the table has it: the same text for the same labels. */
export const placeOf = (spec: JobSpec): string =>
  spec.kind === 'exec' ? JSON.stringify(Object.entries(spec.labels).sort()) : CORE_RUNNER;

/** The labels of a place other than `core`. */
export const labelsAt = (place: string): Labels => Object.fromEntries(JSON.parse(place) as [string, string][]);

/** The different places of jobs that wait; one look-up each, however many wait. */
function* waitingPlaces(db: StateDb): Generator<string> {
  let after = '';
  for (;;) {
    const next = plain(db).placeAfter.get(after);
    if (next === undefined) return;
    yield next;
    after = next;
  }
}

export interface Due {
  readonly limit: number;
  /** Time, ms: those that are to wait longer are left out. */
  readonly at: number;
}

/**
 * Jobs that wait and could be assigned, most urgent first, at most `limit`. Those that no runner can take now don't stand in
 * the way of others.
 */
export function waitingJobs(db: StateDb, loads: readonly RunnerLoad[], { limit, at }: Due): WaitingRow[] {
  const found: WaitingRow[] = [];
  for (const labels of waitingPlaces(db)) {
    if (labels === CORE_RUNNER) continue;
    const wanted = labelsAt(labels);
    const free = loads
      .filter((runner) => canTake(runner, wanted))
      .reduce((sum, { capacity, used }) => sum + capacity - used, 0);
    if (free > 0) found.push(...plain(db).waiting.all(labels, at, Math.min(limit, free)));
  }
  return found.sort((a, b) => a.rank - b.rank || (a.id < b.id ? -1 : 1)).slice(0, limit);
}

/** Jobs of the cluster's own kinds that are under way at once. */
const MAX_CORE_RUNNING = 8;

/** Jobs that the cluster does itself and that may begin at this time, ms. */
export function waitingCoreJobs(db: StateDb, at: number): WaitingRow[] {
  const free = MAX_CORE_RUNNING - jobsOf(db, CORE_RUNNER).length;
  return free <= 0 ? [] : plain(db).waiting.all(CORE_RUNNER, at, free);
}

/** Whether there are jobs for the cluster itself, waiting or under way. */
export const hasCoreJobs = (db: StateDb): boolean => plain(db).hasCore.get(CORE_RUNNER) === 1;

/** Jobs that are with a runner now. */
export const jobsOf = (db: StateDb, runnerId: string): JobRow[] => statements(db).byRunner.all({ runner: runnerId });

export interface AssignedJob {
  readonly id: string;
  readonly attempt: number;
  readonly spec: ExecSpec;
  readonly cancel: boolean;
}

/** Programs that a runner is to execute. */
export const execJobsOf = (db: StateDb, runnerId: string): AssignedJob[] =>
  plain(db)
    .execOf.all(runnerId)
    .map(({ id, attempt, spec, cancelRequested }) => ({
      id,
      attempt,
      spec: JSON.parse(spec) as ExecSpec,
      cancel: cancelRequested === 1,
    }));

export interface DeadLetterFilter {
  readonly kind: string | null;
  readonly scheduleId: string | null;
  /** Failed before this time, ms. */
  readonly before: number | null;
}

const isDeadLetter = ({ kind, scheduleId, before }: DeadLetterFilter) =>
  and(
    isOver,
    eq(jobs.state, 'failed'),
    kind === null ? undefined : eq(jobs.kind, kind),
    scheduleId === null ? undefined : eq(jobs.scheduleId, scheduleId),
    before === null ? undefined : lt(jobs.finishedAt, before),
  );

/** Oldest first. */
export const deadLetters = (db: StateDb, filter: DeadLetterFilter, limit: number): JobRow[] =>
  db.select().from(jobs).where(isDeadLetter(filter)).orderBy(asc(jobs.finishedAt), asc(jobs.id)).limit(limit).all();

export const countDeadLetters = (db: StateDb, filter: DeadLetterFilter): number =>
  db.select({ n: count() }).from(jobs).where(isDeadLetter(filter)).get()?.n ?? 0;

/** How many jobs each runner has that has any. */
export const jobsByRunner = (db: StateDb): Map<string, number> =>
  new Map(
    plain(db)
      .used.all()
      .map(({ runner, n }) => [runner, n]),
  );

/** Every runner with what it has. */
export function runnerLoads(db: StateDb): RunnerLoad[] {
  const [busy, has] = [jobsByRunner(db), replicasByRunner(db)];
  return statements(db)
    .runners.all()
    .map((runner) => ({
      id: runner.id,
      labels: runner.labels,
      capacity: runner.capacity,
      used: (busy.get(runner.id) ?? 0) + (has.get(runner.id) ?? 0),
      online: runner.status === 'online',
      drained: runner.drainedAt !== null,
      problem: runner.problem,
    }));
}
