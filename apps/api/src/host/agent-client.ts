import { join } from 'node:path';
import { ApiError, type Client, createClient } from '@quorate/shared/client';
import { Agent, fetch as undiciFetch } from 'undici';
import { codeOf } from './host-error';

/** The REST API of this host's own node over its agent socket: no sign-in, the file's permission is the guard. */
export interface AgentClient {
  readonly client: Client;
  close(): Promise<void>;
}

export const agentSocketPath = (dataDir: string): string => join(dataDir, 'agent.sock');

export function openAgent(dataDir: string, timeoutMs = 5_000): AgentClient {
  const agent = new Agent({ connect: { socketPath: agentSocketPath(dataDir) }, connections: 2 });
  const fetchBySocket = ((url: string, init: object) => undiciFetch(url, { ...init, dispatcher: agent })) as never;
  return {
    client: createClient({ baseUrl: 'http://agent.local', fetch: fetchBySocket, timeoutMs }),
    close: () => agent.destroy(),
  };
}

/** Why the agent did not answer: the system's code of the failed connection, such as ENOENT, or ''. */
export function agentFailure(error: unknown): string {
  let at: unknown = error;
  for (let depth = 0; depth < 5 && at instanceof Error; depth++) {
    const code = codeOf(at);
    if (/^E[A-Z]+$/.test(code)) return code;
    at = at.cause;
  }
  return error instanceof ApiError ? error.code : '';
}
