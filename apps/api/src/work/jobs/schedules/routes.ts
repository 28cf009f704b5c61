import { type JobSchedule, jobScheduleRoutes } from '@quorate/shared/job-schedules';
import type { Job } from '@quorate/shared/jobs';
import { asc, gt } from 'drizzle-orm';
import type { StateDb } from '../../../db/state-store';
import { type Endpoint, endpoint, ifMatchOf, type RequestContext, type RouteInputs } from '../../../http/endpoint';
import { pageOf, textCursor } from '../../../http/page';
import { type Clock, toTimestamp } from '../../../lib/clock';
import { uuidv7 } from '../../../lib/ids';
import { checkSchedule, nextRunAt } from '../../../reconcile/cron';
import {
  createSchedule,
  deleteSchedule,
  enableSchedule,
  findSchedule,
  runScheduleNow,
  scheduleEtag,
  updateSchedule,
} from './commands';
import { jobSchedules, type ScheduleRow } from './table';

export interface ScheduleEndpointDeps {
  readonly clock: Clock;
  readonly viewJob: (db: StateDb, id: string) => Job;
}

const timeOf = (at: number | null): string | null => (at === null ? null : toTimestamp(at));

const viewSchedule = (row: ScheduleRow, now: number): JobSchedule => ({
  id: row.id,
  name: row.name,
  enabled: row.enabled,
  cron: row.cron,
  time_zone: row.timeZone,
  spec: row.spec,
  priority: row.priority,
  retry: { max_attempts: row.maxAttempts, backoff_seconds: row.backoffMs / 1000 },
  overlap: row.overlap,
  missed: row.missed,
  next_run_at: timeOf(nextRunAt(row, now)),
  last_due_at: timeOf(row.lastDueAt),
  last_job_id: row.lastJobId,
  runs: row.runs,
  skipped_runs: row.skippedRuns,
  missed_runs: row.missedRuns,
  created_by: row.createdBy,
  created_at: toTimestamp(row.createdAt),
  updated_at: toTimestamp(row.updatedAt),
});

/** @throws DomainError validation_failed */
function inputOf(
  { time_zone: timeZone, retry, ...body }: RouteInputs<typeof jobScheduleRoutes.create>['body'],
  now: number,
) {
  checkSchedule(body.cron, timeZone, now);
  return { ...body, timeZone, maxAttempts: retry.max_attempts, backoffMs: retry.backoff_seconds * 1000 };
}

export function jobScheduleEndpoints({ clock, viewJob }: ScheduleEndpointDeps): Endpoint[] {
  function show(ctx: RequestContext, id: string): JobSchedule {
    const row = findSchedule(ctx.db, id);
    ctx.setHeader('etag', scheduleEtag(row));
    return viewSchedule(row, clock());
  }
  return [
    endpoint(jobScheduleRoutes.list, (ctx, { query: { cursor, limit } }) => {
      const rows = ctx.db
        .select()
        .from(jobSchedules)
        .where(cursor === undefined ? undefined : gt(jobSchedules.name, textCursor(cursor)))
        .orderBy(asc(jobSchedules.name))
        .limit(limit + 1)
        .all();
      const view = (row: ScheduleRow): JobSchedule => viewSchedule(row, clock());
      return pageOf(ctx, jobScheduleRoutes.list.path, rows, limit, ({ name }) => name, view);
    }),
    endpoint(jobScheduleRoutes.get, (ctx, { params }) => show(ctx, params.id)),
    endpoint(jobScheduleRoutes.create, async (ctx, { body }) => {
      const { id } = await ctx.propose(createSchedule, { id: uuidv7(), ...inputOf(body, clock()) });
      return show(ctx, id);
    }),
    endpoint(jobScheduleRoutes.update, async (ctx, { params, body }) => {
      const input = { ...params, ...inputOf(body, clock()), ifMatch: ifMatchOf(ctx) };
      await ctx.propose(updateSchedule, input);
      return show(ctx, params.id);
    }),
    ...([true, false] as const).map((enabled) =>
      endpoint(enabled ? jobScheduleRoutes.enable : jobScheduleRoutes.disable, async (ctx, { params }) => {
        await ctx.propose(enableSchedule, { ...params, enabled });
        return show(ctx, params.id);
      }),
    ),
    endpoint(jobScheduleRoutes.run, async (ctx, { params }) => {
      const { id } = await ctx.propose(runScheduleNow, { ...params, jobId: uuidv7() });
      return viewJob(ctx.db, id);
    }),
    endpoint(jobScheduleRoutes.remove, async (ctx, { params }) => {
      await ctx.propose(deleteSchedule, params);
    }),
  ];
}
