import { type HaproxyRevision, haproxyRoutes } from '@quorate/shared/haproxy';
import { desc, lt } from 'drizzle-orm';
import { type Endpoint, endpoint, ifMatchOf, type RequestContext } from '../http/endpoint';
import { numberCursor, pageOf } from '../http/page';
import { type Clock, toTimestamp } from '../lib/clock';
import { findRevision, type HaproxyCommands, recordRevision } from './commands';
import { currentConfig, currentSettings, etagOf, type HaproxySource, planRevision, settingsEtag } from './current';
import { unifiedDiff } from './diff';
import { checkConfig } from './lint';
import { haproxyRevisions } from './table';

const view = (row: typeof haproxyRevisions.$inferSelect): HaproxyRevision => ({
  revision: row.revision,
  etag: row.etag,
  created_at: toTimestamp(row.createdAt),
  index: row.index,
  reason: row.reason,
  version: row.version,
  servers: row.servers,
});

/** The settings stand already: a revision that cannot be recorded now is left to the reconciler. */
async function record(ctx: RequestContext, source: HaproxySource, now: number): Promise<void> {
  const revision = planRevision(ctx.db, source, now);
  if (!revision) return;
  try {
    await ctx.propose(recordRevision, revision);
  } catch (error) {
    ctx.logger.warn({ err: error }, 'the configuration revision is not recorded yet');
  }
}

export function haproxyEndpoints(source: HaproxySource, commands: HaproxyCommands, clock: Clock): Endpoint[] {
  return [
    endpoint(haproxyRoutes.config, (ctx, { query }) => {
      const { config } = currentConfig(ctx.db, source, query.version);
      const etag = etagOf(config);
      const known = ctx
        .header('if-none-match')
        ?.split(',')
        .map((tag) => tag.trim().replace(/^W\//, ''));
      if (known?.includes(etag)) return new Response(null, { status: 304, headers: { etag } });
      return new Response(config, { headers: { etag, 'content-type': 'text/plain; charset=utf-8' } });
    }),
    endpoint(haproxyRoutes.getSettings, (ctx) => {
      ctx.setHeader('etag', settingsEtag(ctx.db));
      return currentSettings(ctx.db);
    }),
    endpoint(haproxyRoutes.putSettings, async (ctx, { body }) => {
      await ctx.propose(commands.replaceSettings, { settings: JSON.stringify(body), ifMatch: ifMatchOf(ctx) });
      await record(ctx, source, clock());
      ctx.setHeader('etag', settingsEtag(ctx.db));
      return currentSettings(ctx.db);
    }),
    endpoint(haproxyRoutes.check, (_ctx, { body }) => checkConfig(body.config, body.version)),
    endpoint(haproxyRoutes.revisions, (ctx, { query }) => {
      const rows = ctx.db
        .select()
        .from(haproxyRevisions)
        .where(lt(haproxyRevisions.revision, numberCursor(query.cursor)))
        .orderBy(desc(haproxyRevisions.revision))
        .limit(query.limit + 1)
        .all();
      return pageOf(ctx, haproxyRoutes.revisions.path, rows, query.limit, (row) => row.revision, view);
    }),
    endpoint(haproxyRoutes.revision, (ctx, { params }) => {
      const row = findRevision(ctx.db, params.revision);
      const before = ctx.db
        .select()
        .from(haproxyRevisions)
        .where(lt(haproxyRevisions.revision, row.revision))
        .orderBy(desc(haproxyRevisions.revision))
        .limit(1)
        .get();
      const diff = before
        ? unifiedDiff(before.config, row.config, `revision ${before.revision}`, `revision ${row.revision}`)
        : '';
      return { ...view(row), config: row.config, diff };
    }),
  ];
}
