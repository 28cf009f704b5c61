import { API_TOKEN_PREFIX, type ApiToken, apiTokenRoutes } from '@quorate/shared/api-tokens';
import { asc, eq, gt } from 'drizzle-orm';
import { DomainError } from '../../commands/domain-error';
import { type Endpoint, endpoint } from '../../http/endpoint';
import { pageOf, textCursor } from '../../http/page';
import { toTimestamp } from '../../lib/clock';
import { sha256Hex } from '../../lib/hash';
import { uuidv7 } from '../../lib/ids';
import { createApiToken, deleteApiToken } from './commands';
import { apiTokens } from './table';

const view = (row: typeof apiTokens.$inferSelect): ApiToken => ({
  id: row.id,
  name: row.name,
  role: row.role,
  hint: row.hint,
  created_by: row.createdBy,
  created_at: toTimestamp(row.createdAt),
  expires_at: row.expiresAt === null ? null : toTimestamp(row.expiresAt),
});

export function apiTokenEndpoints(): Endpoint[] {
  return [
    endpoint(apiTokenRoutes.list, (ctx, { query }) => {
      const rows = ctx.db
        .select()
        .from(apiTokens)
        .where(gt(apiTokens.name, textCursor(query.cursor)))
        .orderBy(asc(apiTokens.name))
        .limit(query.limit + 1)
        .all();
      return pageOf(ctx, apiTokenRoutes.list.path, rows, query.limit, (row) => row.name, view);
    }),
    endpoint(apiTokenRoutes.create, async (ctx, { body }) => {
      const token = `${API_TOKEN_PREFIX}${ctx.secret('api-token').toString('base64url')}`;
      const { id } = await ctx.propose(createApiToken, {
        id: uuidv7(),
        name: body.name,
        role: body.role,
        hash: sha256Hex(token),
        hint: token.slice(0, 8),
        ttlMs: body.ttl_seconds === null ? null : body.ttl_seconds * 1000,
      });
      const row = ctx.db.select().from(apiTokens).where(eq(apiTokens.id, id)).get();
      // A repeated request gets its first answer, unless the token was revoked meanwhile.
      if (!row) throw new DomainError('not_found', `the API token ${id} was revoked since; use a new Idempotency-Key`);
      return { ...view(row), token };
    }),
    endpoint(apiTokenRoutes.remove, async (ctx, { params }) => {
      await ctx.propose(deleteApiToken, { id: params.id });
    }),
  ];
}
