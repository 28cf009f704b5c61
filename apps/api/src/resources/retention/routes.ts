import { RETENTION_DEFAULTS, type RetentionView, retentionRoutes } from '@quorate/shared/retention';
import { count } from 'drizzle-orm';
import type { StateDb } from '../../db/state-store';
import { audit, events } from '../../db/system-table';
import { type Endpoint, endpoint, ifMatchOf, type RequestContext } from '../../http/endpoint';
import { retentionEtag, savedRetention, setRetention } from './commands';

const rows = (db: StateDb, table: typeof audit | typeof events): number =>
  db.select({ n: count() }).from(table).get()?.n ?? 0;

function view(ctx: RequestContext): RetentionView {
  const { db } = ctx;
  ctx.setHeader('etag', retentionEtag(db));
  const { events: keptEvents, audit: keptAudit } = savedRetention(db) ?? RETENTION_DEFAULTS;
  return { events: keptEvents, audit: keptAudit, stored: { events: rows(db, events), audit: rows(db, audit) } };
}

export const retentionEndpoints = (): Endpoint[] => [
  endpoint(retentionRoutes.get, view),
  endpoint(retentionRoutes.put, async (ctx, { body }) => {
    await ctx.propose(setRetention, { ...body, ifMatch: ifMatchOf(ctx) });
    return view(ctx);
  }),
];
