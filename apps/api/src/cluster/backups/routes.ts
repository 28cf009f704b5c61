import { type Backup, backupRoutes } from '@quorate/shared/backups';
import { and, desc, eq, lt } from 'drizzle-orm';
import type { StateDb } from '../../db/state-store';
import { type Endpoint, endpoint } from '../../http/endpoint';
import { pageOf, textCursor } from '../../http/page';
import type { Clock } from '../../lib/clock';
import { uuidv7 } from '../../lib/ids';
import { ageKeyOf } from './age';
import { createBackup, deleteBackups, verifyBackup } from './commands';
import type { BackupFiles } from './files';
import { findBackup } from './queries';
import type { BackupRunner } from './runner';
import { backupSettingsEndpoints, type SettingsEndpointDeps } from './settings/routes';
import { backups } from './table';
import { viewBackup } from './view';

export interface BackupEndpointDeps extends SettingsEndpointDeps {
  readonly nodeId: number;
  readonly version: string;
  readonly files: BackupFiles;
  readonly runner: BackupRunner;
  readonly clock: Clock;
}

export function backupEndpoints(deps: BackupEndpointDeps): Endpoint[] {
  const { nodeId, version, files, runner } = deps;
  const viewById = (db: StateDb, id: string): Backup => viewBackup(db, findBackup(db, id));
  return [
    // Before those with an id, which would take "schedule" for one.
    ...backupSettingsEndpoints(deps),
    endpoint(backupRoutes.list, (ctx, { query }) => {
      const { cursor, limit, state, kind } = query;
      const where = and(
        cursor === undefined ? undefined : lt(backups.id, textCursor(cursor)),
        state === undefined ? undefined : eq(backups.state, state),
        kind === undefined ? undefined : eq(backups.kind, kind),
      );
      // Ids ascend with time.
      const rows = ctx.db
        .select()
        .from(backups)
        .where(where)
        .orderBy(desc(backups.id))
        .limit(limit + 1)
        .all();
      return pageOf(
        ctx,
        backupRoutes.list.path,
        rows,
        limit,
        (row) => row.id,
        (row) => viewBackup(ctx.db, row),
      );
    }),
    endpoint(backupRoutes.create, async (ctx, { body }) => {
      const input = { id: uuidv7(), nodeId: body.node_id ?? nodeId, target: body.target, note: body.note, version };
      // A repeated request gets the id that its first one made.
      const { id } = await ctx.propose(createBackup, input);
      return viewById(ctx.db, id);
    }),
    endpoint(backupRoutes.get, (ctx, { params }) => viewById(ctx.db, params.id)),
    endpoint(backupRoutes.content, async (ctx, { params }) => {
      const row = findBackup(ctx.db, params.id);
      const { stream, bytes } = await files.read(row);
      const digest = Buffer.from(row.sha256 ?? '', 'hex').toString('base64');
      return new Response(stream, {
        headers: {
          'content-type': 'application/octet-stream',
          'content-length': String(bytes),
          'content-disposition': `attachment; filename="${row.file}"`,
          'cache-control': 'no-store',
          'repr-digest': `sha-256=:${digest}:`,
        },
      });
    }),
    endpoint(backupRoutes.verify, (ctx, { params, body }) =>
      ctx.once(async () => {
        const row = findBackup(ctx.db, params.id);
        const key = body.key === undefined ? undefined : ageKeyOf(body.key);
        await runner.verify(row, key, () => ctx.propose(verifyBackup, { id: row.id, nodeId }));
        return viewById(ctx.db, params.id);
      }),
    ),
    endpoint(backupRoutes.remove, async (ctx, { params }) => {
      await ctx.propose(deleteBackups, { ids: [params.id], reason: 'request' as const });
    }),
  ];
}
