import { restoreRoutes } from '@quorate/shared/restore';
import { DomainError } from '../../commands/domain-error';
import { type Endpoint, endpoint } from '../../http/endpoint';
import type { ClusterView } from '../view';
import { discard } from './prepare';
import { type Restorer, sourceOfPath } from './restorer';

/** Brings a stored backup to this node, decrypted. @throws DomainError not_found, … */
export type FetchBackup = (id: string) => Promise<{ path: string; dispose: () => void | Promise<void> }>;

export interface RestoreEndpointDeps {
  readonly restorer: Restorer;
  readonly backups: {
    readonly fetch: FetchBackup;
    /** @throws DomainError not_found where no backup has this id */
    readonly require: (id: string) => void;
  };
  readonly view: ClusterView;
  readonly ensureCluster: () => Promise<void>;
}

export function restoreEndpoints(deps: RestoreEndpointDeps): Endpoint[] {
  const { restorer } = deps;
  return [
    endpoint(restoreRoutes.get, async () => ({ operation: await restorer.look() })),
    endpoint(restoreRoutes.upload, async (ctx, { query }) => {
      const type = ctx.header('content-type') ?? 'nothing';
      if (!type.toLowerCase().startsWith('application/octet-stream') || !ctx.upload) {
        const detail = `the body is ${type}; send the file itself as application/octet-stream`;
        throw new DomainError('unsupported_media_type', detail);
      }
      const path = restorer.directory.temporary();
      try {
        await restorer.directory.receive(ctx.upload, path, ctx.signal);
        const fetch = async (): Promise<void> => undefined;
        return await restorer.start({ name: query.name, path, fetch }, 'restore', ctx.actor);
      } catch (error) {
        discard(path);
        throw error;
      }
    }),
    endpoint(restoreRoutes.fromBackup, async (ctx, { params }) => {
      deps.backups.require(params.id);
      const source = {
        name: `backup ${params.id}`,
        fetch: async (to: string) => {
          const fetched = await deps.backups.fetch(params.id);
          try {
            await restorer.directory.copyIn(fetched.path, to);
          } finally {
            await fetched.dispose();
          }
        },
      };
      return restorer.start(source, 'restore', ctx.actor);
    }),
    endpoint(restoreRoutes.fromFile, (ctx, { body }) => restorer.start(sourceOfPath(body.path), 'restore', ctx.actor)),
    endpoint(restoreRoutes.initFromFile, (ctx, { body }) => restorer.start(sourceOfPath(body.path), 'init', ctx.actor)),
    endpoint(restoreRoutes.initCluster, async () => {
      await deps.ensureCluster();
      return deps.view.cluster();
    }),
  ];
}
