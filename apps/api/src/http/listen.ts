import { chmodSync, existsSync, rmSync } from 'node:fs';
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { getRequestListener } from '@hono/node-server';
import { formatHostPort } from '../lib/net';

type Fetch = Parameters<typeof getRequestListener>[0];

export interface Listener {
  readonly url: string;
  /** Stops accepting, lets running requests finish for `graceMs`, then cuts what is left. */
  close(graceMs: number): Promise<void>;
}

/** Headers must arrive within this time; bodies are bounded by the pipeline. */
const HEADERS_TIMEOUT_MS = 10_000;
const KEEP_ALIVE_MS = 65_000;
const MAX_CONNECTIONS = 10_000;
/** A client that takes nothing of what waits for it is cut off; a handler that is slow is not. */
const STALLED_MS = 60_000;

export class ListenError extends Error {
  override readonly name = 'ListenError';
}

function explain(error: NodeJS.ErrnoException, where: string, key: string): ListenError {
  const cures: Record<string, string> = {
    EADDRINUSE: `another program listens there: stop it, or set ${key} to a free address`,
    EADDRNOTAVAIL: `this host has no such address: set ${key} to one of its own`,
    EACCES: `not permitted: use a port above 1023 in ${key}, or give the service the capability to bind it`,
  };
  return new ListenError(`cannot listen on ${where}: ${cures[error.code ?? ''] ?? error.message}`, { cause: error });
}

function listening(server: Server, bind: (server: Server) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.once('listening', () => {
      server.off('error', reject);
      resolve();
    });
    bind(server);
  });
}

function closeServer(server: Server, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => server.closeAllConnections(), graceMs);
    server.close(() => {
      clearTimeout(cut);
      resolve();
    });
    server.closeIdleConnections();
  });
}

/** Cuts off who does not take its answer: it would be held for it for ever, since TCP itself never gives up on a full window. */
export function cutStalled({ socket }: IncomingMessage, response: ServerResponse, stalledMs = STALLED_MS): void {
  // Node calls this when nothing was read or written, nor has what is being written become less.
  response.setTimeout(stalledMs, () => {
    if (socket.writableLength > 0) socket.destroy();
  });
}

/** Answers by `fetch`. */
function requestListener(fetch: Fetch, stalledMs?: number): RequestListener {
  const answer = getRequestListener(fetch);
  return (request, response) => {
    cutStalled(request, response, stalledMs);
    void answer(request, response);
  };
}

/** The public listener, over TLS when `tls` is given. @throws ListenError with the cure */
export async function listenTcp(options: {
  host: string;
  port: number;
  tls: { cert: string; key: string } | undefined;
  fetch: Fetch;
  configKey: string;
  /** For tests. */
  stalledMs?: number;
}): Promise<Listener & { setTls(tls: { cert: string; key: string }): void }> {
  const { host, port, tls } = options;
  const onRequest = requestListener(options.fetch, options.stalledMs);
  const secure = tls && createHttpsServer({ ...tls, minVersion: 'TLSv1.2' }, onRequest);
  const server: Server = secure ?? createHttpServer(onRequest);
  server.headersTimeout = HEADERS_TIMEOUT_MS;
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  server.maxConnections = MAX_CONNECTIONS;
  try {
    await listening(server, (s) => s.listen(port, host));
  } catch (error) {
    throw explain(error as NodeJS.ErrnoException, formatHostPort({ host, port }), options.configKey);
  }
  const address = server.address();
  const bound = typeof address === 'object' && address ? address.port : port;
  return {
    url: `${secure ? 'https' : 'http'}://${formatHostPort({ host, port: bound })}`,
    close: (graceMs) => closeServer(server, graceMs),
    setTls: (next) => secure?.setSecureContext({ ...next, minVersion: 'TLSv1.2' }),
  };
}

/** The agent socket: who can open the file is a local admin, so it is created closed to everyone else. */
export async function listenSocket(path: string, fetch: Fetch): Promise<Listener> {
  if (existsSync(path)) rmSync(path);
  const server = createHttpServer(requestListener(fetch));
  try {
    await listening(server, (s) => {
      // The socket is made within this call; the mask must not reach what other parts of the process create.
      const before = process.umask(0o177);
      s.listen(path);
      process.umask(before);
    });
  } catch (error) {
    throw explain(error as NodeJS.ErrnoException, path, 'data_dir');
  }
  chmodSync(path, 0o600);
  return { url: `unix:${path}`, close: (graceMs) => closeServer(server, graceMs) };
}
