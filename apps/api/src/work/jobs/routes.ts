import { type Job, jobRoutes } from '@quorate/shared/jobs';
import { and, desc, eq, lt } from 'drizzle-orm';
import type { StateDb } from '../../db/state-store';
import { type Endpoint, endpoint } from '../../http/endpoint';
import { pageOf, textCursor } from '../../http/page';
import type { Clock } from '../../lib/clock';
import { uuidv7 } from '../../lib/ids';
import { cancelJob, retryJob, submitJob } from './commands';
import { findJob, runnerLoads } from './queries';
import { jobs } from './table';
import { viewJob } from './view';

export interface JobEndpointDeps {
  readonly clock: Clock;
}

export function jobEndpoints({ clock }: JobEndpointDeps): Endpoint[] {
  const viewById = (db: StateDb, id: string): Job => viewJob(db, findJob(db, id), runnerLoads(db), clock());
  return [
    endpoint(jobRoutes.list, (ctx, { query: { cursor, limit, state, kind } }) => {
      const where = and(
        cursor === undefined ? undefined : lt(jobs.id, textCursor(cursor)),
        state === undefined ? undefined : eq(jobs.state, state),
        kind === undefined ? undefined : eq(jobs.kind, kind),
      );
      const rows = ctx.db
        .select()
        .from(jobs)
        .where(where)
        .orderBy(desc(jobs.id))
        .limit(limit + 1)
        .all();
      const loads = runnerLoads(ctx.db);
      const view = (row: (typeof rows)[number]) => viewJob(ctx.db, row, loads, clock());
      return pageOf(ctx, jobRoutes.list.path, rows, limit, ({ id }) => id, view);
    }),
    endpoint(jobRoutes.get, (ctx, { params }) => viewById(ctx.db, params.id)),
    endpoint(jobRoutes.create, async (ctx, { body: { spec, priority, retry } }) => {
      const { max_attempts: maxAttempts, backoff_seconds: backoffSeconds } = retry;
      const input = { id: uuidv7(), spec, priority, maxAttempts, backoffMs: backoffSeconds * 1000 };
      const { id } = await ctx.propose(submitJob, input);
      return viewById(ctx.db, id);
    }),
    endpoint(jobRoutes.cancel, async (ctx, { params }) => {
      await ctx.propose(cancelJob, params);
      return viewById(ctx.db, params.id);
    }),
    endpoint(jobRoutes.retry, async (ctx, { params }) => {
      await ctx.propose(retryJob, params);
      return viewById(ctx.db, params.id);
    }),
  ];
}
