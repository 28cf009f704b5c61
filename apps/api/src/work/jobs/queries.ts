import type { JobSpec, JobState } from '@quorate/shared/jobs';
import type { Labels } from '@quorate/shared/runners';
import { and, asc, count, eq, inArray, lte } from 'drizzle-orm';
import { DomainError } from '../../commands/domain-error';
import type { StateDb } from '../../db/state-store';
import { runners } from '../../resources/runners/table';
import { canTake, type RunnerLoad } from './assign';
import { type JobRow, jobs } from './table';

/** @throws DomainError not_found */
export function findJob(db: StateDb, id: string): JobRow {
  const row = db.select().from(jobs).where(eq(jobs.id, id)).get();
  if (!row) throw new DomainError('not_found', `there is no job ${id}; see GET /v1/jobs`);
  return row;
}

export const countJobs = (db: StateDb, ...states: JobState[]): number =>
  db.select({ n: count() }).from(jobs).where(inArray(jobs.state, states)).get()?.n ?? 0;

/** Labels that a runner must have for it. */
export const labelsOf = (spec: JobSpec): Labels => spec.labels;

/** The same text for the same labels. */
export const canonicalLabels = (labels: Labels): string => JSON.stringify(Object.entries(labels).sort());

/**
 * Jobs that wait and could be assigned at time `at` (ms), most urgent first, at most `limit`. Those that no runner can take
 * now don't stand in the way of others.
 */
export function waitingJobs(
  db: StateDb,
  loads: readonly RunnerLoad[],
  { limit, at }: { limit: number; at: number },
): JobRow[] {
  const isQueued = eq(jobs.state, 'queued');
  const found: JobRow[] = [];
  for (const { labels } of db.selectDistinct({ labels: jobs.labels }).from(jobs).where(isQueued).all()) {
    const wanted: Labels = Object.fromEntries(JSON.parse(labels) as [string, string][]);
    if (!loads.some((runner) => canTake(runner, wanted))) continue;
    const where = and(isQueued, eq(jobs.labels, labels), lte(jobs.notBefore, at));
    found.push(...db.select().from(jobs).where(where).orderBy(asc(jobs.rank), asc(jobs.id)).limit(limit).all());
  }
  return found.sort((a, b) => a.rank - b.rank || (a.id < b.id ? -1 : 1)).slice(0, limit);
}

/** Jobs that are with a runner now. */
export const jobsOf = (db: StateDb, runnerId: string): JobRow[] =>
  db.select().from(jobs).where(eq(jobs.runnerId, runnerId)).orderBy(asc(jobs.id)).all();

/** Every runner with what it has. */
export function runnerLoads(db: StateDb): RunnerLoad[] {
  const used = new Map(
    db
      .select({ runner: jobs.runnerId, n: count() })
      .from(jobs)
      .where(inArray(jobs.state, ['assigned', 'running']))
      .groupBy(jobs.runnerId)
      .all()
      .map(({ runner, n }) => [runner, n]),
  );
  return db
    .select()
    .from(runners)
    .where(eq(runners.state, 'active'))
    .orderBy(asc(runners.id))
    .all()
    .map((runner) => ({
      id: runner.id,
      labels: runner.labels,
      capacity: runner.capacity,
      used: used.get(runner.id) ?? 0,
      online: runner.status === 'online',
      drained: runner.drainedAt !== null,
    }));
}
