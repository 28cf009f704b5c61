import { HEADER } from '@quorate/shared/http-headers';
import { type RestoreOperation, restoreRoutes, type StateFile } from '@quorate/shared/restore';
import { DomainError } from '../../commands/domain-error';
import { type Endpoint, endpoint, type RequestContext } from '../../http/endpoint';
import { toTimestamp } from '../../lib/clock';
import { clusterInfo } from '../../resources/setup/table';
import type { BackupFiles } from '../backups/files';
import { findBackup } from '../backups/queries';
import { fetchOpened, isEncrypted, openFile, requireReadable } from '../backups/unlock';
import type { ClusterView } from '../view';
import { discard } from './prepare';
import { type Restorer, type RestoreSource, sourceOfPath } from './restorer';

export interface RestoreEndpointDeps {
  readonly restorer: Restorer;
  readonly files: BackupFiles;
  readonly view: ClusterView;
  readonly ensureCluster: () => Promise<void>;
}

/** The key that goes with an uploaded file, whose body has no room for it. @throws DomainError invalid_request */
function keyOf(ctx: RequestContext): string | undefined {
  const header = ctx.header(HEADER.backupKey.toLowerCase());
  if (header === undefined) return undefined;
  if (!/^[A-Za-z0-9_-]{1,2048}$/.test(header)) {
    throw new DomainError('invalid_request', `${HEADER.backupKey} must be base64url of the passphrase or identity`);
  }
  return Buffer.from(header, 'base64url').toString('utf8');
}

export function restoreEndpoints(deps: RestoreEndpointDeps): Endpoint[] {
  const { restorer, files } = deps;
  const { directory } = restorer;

  /** Runs `use` with the uploaded file on this disk, decrypted; what `use` does not keep is removed. */
  async function withUpload<T>(ctx: RequestContext, use: (path: string, encrypted: boolean) => Promise<T>): Promise<T> {
    const type = ctx.header('content-type') ?? 'nothing';
    if (!type.toLowerCase().startsWith('application/octet-stream') || !ctx.upload) {
      const detail = `the body is ${type}; send the file itself as application/octet-stream`;
      throw new DomainError('unsupported_media_type', detail);
    }
    const key = keyOf(ctx);
    const path = directory.temporary();
    try {
      await directory.receive(ctx.upload, path, ctx.signal);
      if (!isEncrypted(path)) return await use(path, false);
      const result = await withOpened(path, key, (opened) => use(opened, true));
      discard(path);
      return result;
    } catch (error) {
      discard(path);
      throw error;
    }
  }

  async function withOpened<T>(from: string, key: string | undefined, use: (path: string) => Promise<T>): Promise<T> {
    const opened = directory.temporary();
    try {
      await openFile(from, opened, key);
      return await use(opened);
    } catch (error) {
      discard(opened);
      throw error;
    }
  }

  /** A file that stands in the restore directory already. */
  const brought = (name: string, path: string): RestoreSource => ({ name, path, fetch: async () => undefined });

  /** An operation keeps the id that is made from the Idempotency-Key: the log may be what is replaced. */
  async function once(ctx: RequestContext, start: (id: string | undefined) => Promise<RestoreOperation>) {
    const id = ctx.operationId();
    return (id === undefined ? undefined : await restorer.find(id)) ?? start(id);
  }

  async function startFromPath(
    ctx: RequestContext,
    body: { path: string; key?: string | undefined },
    kind: 'restore' | 'init',
  ) {
    return once(ctx, (id) => {
      const source = sourceOfPath(body.path);
      if (!isEncrypted(body.path)) return restorer.start(source, kind, ctx.actor, id);
      return withOpened(body.path, body.key, (opened) =>
        restorer.start(brought(body.path, opened), kind, ctx.actor, id),
      );
    });
  }

  return [
    endpoint(restoreRoutes.get, async () => ({ operation: await restorer.look() })),
    endpoint(restoreRoutes.inspect, (ctx) =>
      withUpload(ctx, async (path, encrypted) => {
        const found = describe(ctx, restorer, path, encrypted);
        discard(path);
        return found;
      }),
    ),
    endpoint(restoreRoutes.upload, (ctx, { query }) =>
      once(ctx, (id) => withUpload(ctx, (path) => restorer.start(brought(query.name, path), 'restore', ctx.actor, id))),
    ),
    endpoint(restoreRoutes.fromBackup, (ctx, { params, body }) =>
      once(ctx, async (id) => {
        const row = findBackup(ctx.db, params.id);
        await requireReadable(files, row, body.key);
        const source = { name: row.file, fetch: (to: string) => fetchOpened(files, row, to, body.key) };
        return restorer.start(source, 'restore', ctx.actor, id);
      }),
    ),
    endpoint(restoreRoutes.fromFile, (ctx, { body }) => startFromPath(ctx, body, 'restore')),
    endpoint(restoreRoutes.initFromFile, (ctx, { body }) => startFromPath(ctx, body, 'init')),
    endpoint(restoreRoutes.initCluster, async () => {
      await deps.ensureCluster();
      return deps.view.cluster();
    }),
  ];
}

function describe(ctx: RequestContext, restorer: Restorer, path: string, encrypted: boolean): StateFile {
  const facts = restorer.inspect(path);
  const own = ctx.db.select().from(clusterInfo).get()?.clusterId;
  return {
    encrypted,
    cluster_id: facts.clusterId,
    cluster_name: facts.clusterName,
    this_cluster: facts.clusterId === own,
    epoch: facts.epoch,
    index: facts.index,
    last_change_at: toTimestamp(facts.lastAt),
    schema_version: facts.schemaVersion,
    bytes: facts.bytes,
  };
}
