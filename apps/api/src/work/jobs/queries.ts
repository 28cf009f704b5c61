import { CORE_RUNNER, type ExecSpec, type JobSpec, type JobState } from '@quorate/shared/jobs';
import type { Labels } from '@quorate/shared/runners';
import { and, asc, count, eq, gt, inArray, lt, lte, sql } from 'drizzle-orm';
import { DomainError } from '../../commands/domain-error';
import { prepared } from '../../db/prepared';
import type { StateDb } from '../../db/state-store';
import { runners } from '../../resources/runners/table';
import { replicasByRunner } from '../services/queries';
import { canTake, type RunnerLoad } from './assign';
import { type JobRow, jobs, jobTotals } from './table';

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
  placeAfter: db
    .select({ labels: jobs.labels })
    .from(jobs)
    .where(and(eq(jobs.state, 'queued'), gt(jobs.labels, sql.placeholder('after'))))
    .orderBy(asc(jobs.labels))
    .limit(1)
    .prepare(),
  waiting: db
    .select()
    .from(jobs)
    .where(
      and(
        eq(jobs.state, 'queued'),
        eq(jobs.labels, sql.placeholder('labels')),
        lte(jobs.notBefore, sql.placeholder('at')),
      ),
    )
    .orderBy(asc(jobs.rank), asc(jobs.id))
    .limit(sql.placeholder('limit'))
    .prepare(),
  used: db
    .select({ runner: jobs.runnerId, n: count() })
    .from(jobs)
    .where(sql`${jobs.runnerId} IS NOT NULL`)
    .groupBy(jobs.runnerId)
    .prepare(),
  runners: db.select().from(runners).where(eq(runners.state, 'active')).orderBy(asc(runners.id)).prepare(),
}));

export const getJob = (db: StateDb, id: string): JobRow | undefined => statements(db).byId.get({ id });

/** @throws DomainError not_found */
export function findJob(db: StateDb, id: string): JobRow {
  const row = getJob(db, id);
  if (!row) throw new DomainError('not_found', `there is no job ${id}; see GET /v1/jobs`);
  return row;
}

/** Jobs that are not over. */
export const openJobs = (db: StateDb): number => statements(db).open.get()?.n ?? 0;

export const countJobs = (db: StateDb, ...states: JobState[]): number =>
  db.select({ n: count() }).from(jobs).where(inArray(jobs.state, states)).get()?.n ?? 0;

/** Labels that a runner must have for it. */
export const labelsOf = (spec: JobSpec): Labels => (spec.kind === 'exec' ? spec.labels : {});

/** Who may do it, as the table has it: the same text for the same labels. */
export const placeOf = (spec: JobSpec): string =>
  spec.kind === 'exec' ? JSON.stringify(Object.entries(spec.labels).sort()) : CORE_RUNNER;

/** The different places of jobs that wait; one look-up each, however many wait. */
function* waitingPlaces(db: StateDb): Generator<string> {
  let after = '';
  for (;;) {
    const next = statements(db).placeAfter.get({ after });
    if (!next) return;
    yield next.labels;
    after = next.labels;
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
export function waitingJobs(db: StateDb, loads: readonly RunnerLoad[], { limit, at }: Due): JobRow[] {
  const found: JobRow[] = [];
  for (const labels of waitingPlaces(db)) {
    if (labels === CORE_RUNNER) continue;
    const wanted: Labels = Object.fromEntries(JSON.parse(labels) as [string, string][]);
    const free = loads
      .filter((runner) => canTake(runner, wanted))
      .reduce((sum, { capacity, used }) => sum + capacity - used, 0);
    if (free > 0) found.push(...statements(db).waiting.all({ labels, at, limit: Math.min(limit, free) }));
  }
  return found.sort((a, b) => a.rank - b.rank || (a.id < b.id ? -1 : 1)).slice(0, limit);
}

/** Jobs of the cluster's own kinds that are under way at once. */
const MAX_CORE_RUNNING = 8;

/** Jobs that the cluster does itself and that may begin at this time, ms. */
export function waitingCoreJobs(db: StateDb, at: number): JobRow[] {
  const free = MAX_CORE_RUNNING - jobsOf(db, CORE_RUNNER).length;
  return free <= 0 ? [] : statements(db).waiting.all({ labels: CORE_RUNNER, at, limit: free });
}

/** Jobs that are with a runner now. */
export const jobsOf = (db: StateDb, runnerId: string): JobRow[] => statements(db).byRunner.all({ runner: runnerId });

/** Programs that a runner is to execute. */
export function execJobsOf(db: StateDb, runnerId: string): (JobRow & { readonly spec: ExecSpec })[] {
  return jobsOf(db, runnerId).flatMap((job) => (job.spec.kind === 'exec' ? [{ ...job, spec: job.spec }] : []));
}

export interface DeadLetterFilter {
  readonly kind: string | null;
  readonly scheduleId: string | null;
  /** Failed before this time, ms. */
  readonly before: number | null;
}

const isDeadLetter = ({ kind, scheduleId, before }: DeadLetterFilter) =>
  and(
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
    statements(db)
      .used.all()
      .map(({ runner, n }) => [runner ?? '', n]),
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
    }));
}
