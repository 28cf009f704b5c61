import { type Client, createClient } from '@quorate/shared/client';
import { Agent, fetch as undiciFetch } from 'undici';

export interface Connection {
  readonly agent: Agent;
  readonly fetch: typeof fetch;
}

export interface ConnectOptions {
  readonly ca?: string;
  readonly socketPath?: string;
  /** For a load balancer that passes on to nodes whose certificates do not name its address. */
  readonly checkServerIdentity?: () => undefined;
}

/** A pool of connections of its own. `ca`: PEM to trust instead of the system's. */
export function openConnection(options: ConnectOptions = {}): Connection {
  const agent = new Agent({
    connect: { timeout: 3_000, ...options },
    keepAliveTimeout: 2_000,
  });
  // undici's own fetch: Node's built-in one takes only dispatchers of the version that it bundles.
  const send = ((url: string, init: object) => undiciFetch(url, { ...init, dispatcher: agent })) as unknown;
  return { agent, fetch: send as typeof fetch };
}

/** A typed client with a bearer token; the token is asked for at each call. */
export function clientOf(
  connection: Connection,
  baseUrl: string,
  token: () => string | undefined,
  timeoutMs = 15_000,
): Client {
  return createClient({
    baseUrl,
    timeoutMs,
    fetch: connection.fetch,
    headers: () => {
      const value = token();
      return value ? { authorization: `Bearer ${value}` } : {};
    },
  });
}
