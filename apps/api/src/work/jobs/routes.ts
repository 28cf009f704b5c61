import {
  FINAL_JOB_STATES,
  type Job,
  type JobState,
  type JobSummary,
  jobRoutes,
  KEPT_DEAD_LETTERS,
  KEPT_FINISHED_JOBS,
  MAX_OPEN_JOBS,
} from '@quorate/shared/jobs';
import type { SchemaOutput } from '@quorate/shared/route';
import { and, desc, eq, inArray, lt } from 'drizzle-orm';
import type { StateDb } from '../../db/state-store';
import { type Endpoint, endpoint } from '../../http/endpoint';
import { pageOf, textCursor } from '../../http/page';
import type { Clock } from '../../lib/clock';
import { uuidv7 } from '../../lib/ids';
import { cancelJob, retryDeadLetters, retryJob, submitJobs } from './commands';
import { type LogStreams, placeOf } from './logs/stream';
import { countByState, findJob, runnerLoads } from './queries';
import { jobScheduleEndpoints } from './schedules/routes';
import { isOpen, isOver, jobs } from './table';
import { viewJob } from './view';

const RETRIED_AT_ONCE = 1_000;

export interface JobEndpointDeps {
  readonly clock: Clock;
  readonly logs: LogStreams;
  readonly stopping: AbortSignal;
}

export function jobEndpoints({ clock, logs, stopping }: JobEndpointDeps): Endpoint[] {
  const viewById = (db: StateDb, id: string): Job => {
    const job = findJob(db, id);
    return viewJob(db, job, job.state === 'queued' ? runnerLoads(db) : [], clock());
  };
  return [
    // Before the one with an id, which would take "summary" for one.
    endpoint(jobRoutes.summary, (ctx) => summarize(ctx.db)),
    endpoint(jobRoutes.list, (ctx, { query }) => {
      const { cursor, limit, state, kind, schedule_id: schedule, runner_id: runner } = query;
      const where = and(
        cursor === undefined ? undefined : lt(jobs.id, textCursor(cursor)),
        state === undefined ? undefined : and(isFinal(state) ? isOver : isOpen, eq(jobs.state, state)),
        kind === undefined ? undefined : eq(jobs.kind, kind),
        schedule === undefined ? undefined : eq(jobs.scheduleId, schedule),
        runner === undefined ? undefined : eq(jobs.runnerId, runner),
      );
      // Whole rows are read of one page, not of all that have to be sorted for it.
      const page = ctx.db
        .select({ id: jobs.id })
        .from(jobs)
        .where(where)
        .orderBy(desc(jobs.id))
        .limit(limit + 1);
      const rows = ctx.db.select().from(jobs).where(inArray(jobs.id, page)).orderBy(desc(jobs.id)).all();
      const loads = runnerLoads(ctx.db);
      const view = (row: (typeof rows)[number]) => viewJob(ctx.db, row, loads, clock());
      return pageOf(ctx, jobRoutes.list.path, rows, limit, ({ id }) => id, view);
    }),
    endpoint(jobRoutes.get, (ctx, { params }) => viewById(ctx.db, params.id)),
    endpoint(jobRoutes.create, async (ctx, { body }) => {
      const job = newJob(body);
      const { ids } = await ctx.propose(submitJobs, { jobs: [job] });
      return viewById(ctx.db, ids[0] ?? job.id);
    }),
    endpoint(jobRoutes.createBatch, (ctx, { body }) => ctx.propose(submitJobs, { jobs: body.jobs.map(newJob) })),
    endpoint(jobRoutes.retryDeadLetters, (ctx, { body }) => {
      const { kind = null, schedule_id: scheduleId = null, before } = body;
      const filter = { kind, scheduleId, before: before === undefined ? null : Date.parse(before) };
      return ctx.propose(retryDeadLetters, { ...filter, limit: RETRIED_AT_ONCE });
    }),
    endpoint(jobRoutes.cancel, async (ctx, { params }) => {
      await ctx.propose(cancelJob, params);
      return viewById(ctx.db, params.id);
    }),
    endpoint(jobRoutes.retry, async (ctx, { params }) => {
      await ctx.propose(retryJob, params);
      return viewById(ctx.db, params.id);
    }),
    endpoint(jobRoutes.logs, (ctx, { params, query: { follow, attempt } }) => {
      const { id } = findJob(ctx.db, params.id);
      const signal = AbortSignal.any([ctx.signal, stopping]);
      if (follow === 'false') return logs.asItIs(id, attempt, signal);
      const from = placeOf(ctx.header('last-event-id')) ?? (attempt === undefined ? undefined : { attempt, offset: 0 });
      return logs.follow(id, from, signal);
    }),
    ...jobScheduleEndpoints({ clock, viewJob: viewById }),
  ];
}

const isFinal = (state: JobState): boolean => FINAL_JOB_STATES.some((one) => one === state);

const newJob = ({ spec, priority, retry }: SchemaOutput<typeof jobRoutes.create.body>) => ({
  ...{ id: uuidv7(), spec, priority, maxAttempts: retry.max_attempts, backoffMs: retry.backoff_seconds * 1000 },
});

function summarize(db: StateDb): JobSummary {
  const found = countByState(db);
  const of = (state: JobState): number => found.get(state) ?? 0;
  const [queued, assigned, running] = [of('queued'), of('assigned'), of('running')];
  const [succeeded, failed, cancelled] = [of('succeeded'), of('failed'), of('cancelled')];
  return {
    counts: { queued, assigned, running, succeeded, failed, cancelled },
    dead_letters: failed,
    limits: { open: MAX_OPEN_JOBS, kept_finished: KEPT_FINISHED_JOBS, kept_dead_letters: KEPT_DEAD_LETTERS },
  };
}
