import { createReadStream, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { type Client, errorOf } from '@quorate/shared/client';
import { eventRoutes } from '@quorate/shared/events';
import { HEADER } from '@quorate/shared/http-headers';
import { type RestoreOperation, restoreRoutes } from '@quorate/shared/restore';
import { userRoutes } from '@quorate/shared/users';
import type { Cluster } from './cluster';
import type { Daemon } from './daemon';
import { listTokens } from './load';
import { everyItem } from './pages';
import { until } from './until';

/** Sends a file to be restored. @throws ApiError */
export async function uploadRestore(node: Daemon, token: string, file: string): Promise<RestoreOperation> {
  const { fetch } = node.connection();
  const response = await fetch(`${node.url}${restoreRoutes.upload.path}?name=upload.db`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/octet-stream' },
    body: Readable.toWeb(createReadStream(file)) as never,
    duplex: 'half',
  } as RequestInit);
  if (!response.ok) throw await errorOf(response);
  return (await response.json()) as RestoreOperation;
}

export const operationOf = async (client: Client): Promise<RestoreOperation | null> =>
  (await client.call(restoreRoutes.get, {})).operation;

/** Follows an operation to its end. It may lose its node on the way: then it has none. */
export function operationEnd(client: Client, id: string): Promise<RestoreOperation> {
  return until(
    'the restore is over',
    async () => {
      const operation = await operationOf(client);
      return operation?.id === id && operation.state !== 'running' && operation;
    },
    { boundMs: 90_000 },
  );
}

/** Where the last replaced state of a node lies, and the last index that it has. */
export function replacedState(node: Daemon): { path: string; index: number } {
  const directory = join(node.dataDir, 'restore');
  const file = readdirSync(directory)
    .filter((name) => /^replaced-\d+-\d+\.db$/.test(name))
    .sort()
    .at(-1);
  if (!file) throw new Error(`${node.name} keeps no replaced state`);
  return { path: join(directory, file), index: Number(/-(\d+)\.db$/.exec(file)?.[1]) };
}

/** What a node shows of its state once it has applied what every other has: equal on all nodes, or they have diverged. */
async function contentOf(client: Client, minIndex: number): Promise<string> {
  const headers = { [HEADER.minIndex]: String(minIndex) };
  const tokens = await listTokens(client, minIndex);
  const users = await everyItem((query) => client.call(userRoutes.list, { query, headers }));
  const events = await everyItem((query) => client.call(eventRoutes.list, { query, headers }));
  return JSON.stringify({ tokens, users, events: events.filter((event) => !event.local) });
}

/** Whether all running nodes are of one epoch and show the same. Call it while nobody writes. */
export async function agree(cluster: Cluster): Promise<boolean> {
  const views = await Promise.all(cluster.running().map((node) => cluster.view(node)));
  if (new Set(views.map((view) => view.epoch)).size !== 1) return false;
  const tip = Math.max(...views.map((view) => view.applied_index));
  const contents = await Promise.all(cluster.running().map((node) => contentOf(node.client(), tip)));
  return new Set(contents).size === 1;
}
