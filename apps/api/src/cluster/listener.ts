import type { IncomingMessage } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { createAdaptorServer, type HttpBindings } from '@hono/node-server';
import { JOIN_PATH } from '@quorate/shared/join-protocol';
import { RUNNER_JOIN_PATH } from '@quorate/shared/runner-protocol';
import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { DomainError } from '../commands/domain-error';
import { cutStalled } from '../http/listen';
import { problemResponse, toProblem } from '../http/problem';
import { MAX_BODY_BYTES } from '../http/request-input';
import { type Clock, systemClock } from '../lib/clock';
import { uuidv7 } from '../lib/ids';
import type { Logger } from '../lib/logger';
import { FORMATION_PATH } from './formation/hello';
import type { ClusterTls } from './peer-client';
import { type PeerIdentity, peerIdentityOf } from './pki/peer-identity';

/** Epoch of the node that refuses. */
export const EPOCH_HEADER = 'x-quorate-epoch';

/** Environment of handlers on the cluster listener. */
export type ClusterEnv = {
  Bindings: HttpBindings;
  Variables: {
    requestId: string;
    /** The authenticated member; undefined on the join path alone. */
    peer: PeerIdentity | undefined;
  };
};

export interface ClusterListenerOptions {
  readonly host: string;
  /** 0 = any free port. */
  readonly port: number;
  readonly tls: () => ClusterTls;
  readonly app: Hono<ClusterEnv>;
  /** Whether the key is that of a live member with this id. Asked on every request. */
  readonly isPinned: (nodeId: number, keyPin: string) => boolean;
  readonly logger: Logger;
  readonly clock?: Clock;
  /** Takes requests for a protocol of their own (runners). */
  readonly onUpgrade?: (request: IncomingMessage, socket: TLSSocket, head: Buffer) => void;
  /** Goes out with every refusal, so that a removed node can tell who is ahead. */
  readonly epoch?: () => number;
  /** For tests. */
  readonly stalledMs?: number;
}

/** The node-to-node listener: mutual TLS 1.3, where only the join path serves clients without a certificate. */
export interface ClusterListener {
  /** The bound port. */
  readonly port: number;
  /** Ends a node's connections at once, busy ones too: it was removed. */
  closeConnectionsOf(nodeId: number): void;
  /** Uses what `tls()` says by now for new connections. */
  reloadTls(): void;
  /** Stops listening and ends every connection. */
  close(): Promise<void>;
}

/** 63 members and runners with a few connections each, and joiners. */
const MAX_CONNECTIONS = 1024;
const HANDSHAKE_TIMEOUT_MS = 5_000;
const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 60_000;
const KEEP_ALIVE_MS = 30_000;
const MAX_HEADER_BYTES = 16 * 1024;

function secureOptions({ ca, cert, key }: ClusterTls) {
  // The CA goes along in the chain, so that a joiner can compare its fingerprint before it trusts anything.
  return { ca, cert: `${cert.trim()}\n${ca}`, key, minVersion: 'TLSv1.3' } as const;
}

/** Starts listening. @throws Error (EADDRINUSE and the like) */
export async function createClusterListener(options: ClusterListenerOptions): Promise<ClusterListener> {
  const { host, port, logger } = options;
  const app = guardedApp(options);
  const server = createAdaptorServer({
    fetch: app.fetch,
    createServer,
    serverOptions: {
      ...secureOptions(options.tls()),
      requestCert: true,
      // Checked for each request instead, because the join path takes clients that have no certificate yet.
      rejectUnauthorized: false,
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      maxHeaderSize: MAX_HEADER_BYTES,
    },
  }) as Server;
  server.maxConnections = MAX_CONNECTIONS;
  const sockets = tracked<TLSSocket>(server, 'secureConnection');
  // Those below TLS too: a client that never finishes its handshake must not hold up closing.
  const connections = tracked<Socket>(server, 'connection');
  server.on('request', (request, response) => cutStalled(request, response, options.stalledMs));
  server.on('upgrade', (request, socket, head) => {
    if (options.onUpgrade) options.onUpgrade(request, socket as TLSSocket, head);
    else socket.destroy();
  });
  server.on('tlsClientError', (error) => logger.debug({ err: error }, 'TLS handshake on the cluster listener failed'));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  server.on('error', (error) => logger.error({ err: error }, 'the cluster listener failed'));

  return {
    port: (server.address() as AddressInfo).port,
    closeConnectionsOf(nodeId) {
      for (const socket of sockets) if (identityOf(socket)?.nodeId === nodeId) socket.destroy();
    },
    reloadTls: () => server.setSecureContext(secureOptions(options.tls())),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const connection of connections) connection.destroy();
      }),
  };
}

function tracked<S extends Socket>(server: Server, event: 'connection' | 'secureConnection'): Set<S> {
  const sockets = new Set<S>();
  server.on(event, (socket: S) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  return sockets;
}

const identities = new WeakMap<TLSSocket, { readonly peer: PeerIdentity | undefined }>();

/** The verified identity of a connection, or undefined: no certificate, a foreign one, or not a node's. */
function identityOf(socket: TLSSocket): PeerIdentity | undefined {
  const known = identities.get(socket);
  if (known) return known.peer;
  const peer = socket.authorized ? peerIdentityOf(socket.getPeerCertificate()) : undefined;
  identities.set(socket, { peer });
  return peer;
}

function guardedApp(options: ClusterListenerOptions): Hono<ClusterEnv> {
  const app = new Hono<ClusterEnv>();
  app.onError((error, c) => answerError(options, c, error));
  app.notFound((c) => {
    const detail = `there is no ${c.req.method} ${c.req.path} on the cluster listener`;
    return answerError(options, c, new DomainError('not_found', detail));
  });
  app.use('*', async (c, next) => {
    c.set('requestId', uuidv7());
    c.set('peer', authenticate(options, c));
    await next();
  });
  const onError = () => {
    throw new DomainError('body_too_large', `the body is over ${MAX_BODY_BYTES} bytes; send less`);
  };
  app.use('*', bodyLimit({ maxSize: MAX_BODY_BYTES, onError }));
  return app.route('/', options.app);
}

/** @throws DomainError certificate_required, node_removed */
function authenticate(options: ClusterListenerOptions, c: Context<ClusterEnv>): PeerIdentity | undefined {
  const socket = c.env.incoming.socket as TLSSocket;
  const peer = identityOf(socket);
  // The join path proves nothing about its caller, whatever certificate is shown.
  if (c.req.path === JOIN_PATH || c.req.path === RUNNER_JOIN_PATH) return undefined;
  if (!peer) {
    const reason = socket.authorizationError ? ` (${String(socket.authorizationError)})` : '';
    const detail = `show a certificate of this cluster's CA with CN <prefix>-node-<id>${reason}`;
    throw new DomainError('certificate_required', detail);
  }
  const now = (options.clock ?? systemClock)();
  if (now > peer.notAfter || now < peer.notBefore) {
    const detail = `the certificate of node ${peer.nodeId} is not valid at this time; renew it or set the clocks right`;
    throw new DomainError('certificate_required', detail);
  }
  // Founding members get in by the CA alone, to ask for their place; members are known by their key.
  if (c.req.path !== FORMATION_PATH && !options.isPinned(peer.nodeId, peer.keyPin)) {
    throw new DomainError('node_removed', `node ${peer.nodeId} with this key is not a member of the cluster any more`);
  }
  return peer;
}

function answerError(options: ClusterListenerOptions, c: Context<ClusterEnv>, error: unknown): Response {
  const { logger, epoch } = options;
  const requestId = c.get('requestId') ?? uuidv7();
  const problem = toProblem(error, requestId);
  if (problem.status === 500) logger.error({ err: error, request_id: requestId, path: c.req.path }, 'request failed');
  return problemResponse(problem, epoch ? { [EPOCH_HEADER]: String(epoch()) } : {});
}
