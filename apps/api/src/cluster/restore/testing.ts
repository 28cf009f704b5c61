import { join } from 'node:path';
import type { RestoreOperation } from '@quorate/shared/restore';
import { Agent, fetch } from 'undici';
import { until } from '../../testing/until';

/** Calls a node over its agent socket; never throws on a status. */
export function openAgentCaller(dataDir: string) {
  const agent = new Agent({ connect: { socketPath: join(dataDir, 'agent.sock') } });
  return {
    async call(method: string, path: string, body?: unknown, headers = {}): Promise<{ status: number; body: unknown }> {
      const response = await fetch(`http://agent.local${path}`, {
        method,
        dispatcher: agent,
        headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return { status: response.status, body: await response.json() };
    },
    close: () => agent.destroy(),
  };
}

/** Waits until the operation that `look` answers with is over. */
export async function operationEnd(look: () => Promise<unknown>): Promise<RestoreOperation> {
  let last: RestoreOperation | null = null;
  const isOver = async (): Promise<boolean> => {
    last = ((await look()) as { operation: RestoreOperation | null }).operation;
    return last !== null && last?.state !== 'running';
  };
  await until(isOver, 'the restore is over', 30_000);
  return last as unknown as RestoreOperation;
}
