import { type AuditRecord, auditRoutes } from '@quorate/shared/audit';
import { and, desc, eq, lt } from 'drizzle-orm';
import { audit } from '../../db/system-table';
import { type Endpoint, endpoint } from '../../http/endpoint';
import { numberCursor, pageOf } from '../../http/page';
import { toTimestamp } from '../../lib/clock';

const view = (row: typeof audit.$inferSelect): AuditRecord => ({
  seq: row.seq,
  index: row.logIndex,
  at: toTimestamp(row.at),
  command_id: row.commandId,
  action: row.action,
  actor: row.actor,
  actor_kind: row.actorKind as AuditRecord['actor_kind'],
  target: row.target,
  outcome: row.outcome === 'ok' ? 'ok' : 'refused',
  code: row.code,
  node_id: row.nodeId,
});

export function auditEndpoints(): Endpoint[] {
  return [
    endpoint(auditRoutes.list, (ctx, { query }) => {
      const where = and(
        lt(audit.seq, numberCursor(query.cursor)),
        query.actor ? eq(audit.actor, query.actor) : undefined,
        query.action ? eq(audit.action, query.action) : undefined,
      );
      const rows = ctx.db
        .select()
        .from(audit)
        .where(where)
        .orderBy(desc(audit.seq))
        .limit(query.limit + 1)
        .all();
      return pageOf(ctx, auditRoutes.list.path, rows, query.limit, (row) => row.seq, view);
    }),
  ];
}
