import { createServer, type Server } from 'node:https';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { createAdaptorServer, type HttpBindings } from '@hono/node-server';
import { PAIRING_JOIN_PATH, PAIRING_PROVE_PATH, pairingJoinSchema, pairingProofSchema } from '@quorate/shared/pairing';
import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import type { z } from 'zod';
import { DomainError } from '../../commands/domain-error';
import { problemResponse, toProblem, validationFailed } from '../../http/problem';
import { normalizeAddress } from '../../http/remote-address';
import { uuidv7 } from '../../lib/ids';
import type { Logger } from '../../lib/logger';
import type { JoinTarget } from '../join/join-string';
import { pairingProof, sameProof } from './proof';

type Env = { Bindings: HttpBindings };

export interface PairingListenerOptions {
  readonly host: string;
  readonly port: number;
  /** The key that the node would be known by; the certificate is signed by itself. */
  readonly tls: { readonly cert: string; readonly key: string };
  readonly code: string;
  readonly name: string;
  readonly version: string;
  /** Joins the cluster. @throws DomainError */
  readonly join: (target: JoinTarget) => Promise<{ nodeId: number }>;
  /** The answer has gone out: from now on the node is a member. */
  readonly onJoined: () => void;
  readonly logger: Logger;
}

export interface PairingListener {
  close(): Promise<void>;
}

const MAX_BODY_BYTES = 4096;
const MAX_CONNECTIONS = 64;
const HANDSHAKE_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 10_000;
/** A code of 100 bits is not found by trying; this keeps the noise down. */
const TRIES_PER_MINUTE = 10;
const ANSWER_MS = 2_000;

/** Waits on the cluster address for the cluster that knows the code. @throws Error (EADDRINUSE and the like) */
export async function openPairingListener(options: PairingListenerOptions): Promise<PairingListener> {
  const { host, port, tls, logger } = options;
  const server = createAdaptorServer({
    fetch: pairingApp(options).fetch,
    createServer,
    serverOptions: {
      ...tls,
      minVersion: 'TLSv1.3',
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      headersTimeout: REQUEST_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
    },
  }) as Server;
  server.maxConnections = MAX_CONNECTIONS;
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('tlsClientError', (error) => logger.debug({ err: error }, 'TLS handshake of a pairing failed'));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  server.on('error', (error) => logger.error({ err: error }, 'the pairing listener failed'));
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

function pairingApp(options: PairingListenerOptions): Hono<Env> {
  const { code, name, version, logger } = options;
  const proven = new WeakSet<TLSSocket>();
  const tries = new RateLimiterMemory({ points: TRIES_PER_MINUTE, duration: 60 });
  let joining = false;
  const app = new Hono<Env>();
  app.onError((error) => {
    const id = uuidv7();
    const problem = toProblem(error, id);
    if (problem.status === 500) logger.error({ err: error, request_id: id }, 'pairing failed');
    return problemResponse(problem);
  });
  app.notFound((c) => problemResponse(toProblem(notThere(c), uuidv7())));
  const onError = () => {
    throw new DomainError('body_too_large', `a pairing request has at most ${MAX_BODY_BYTES} bytes`);
  };
  app.use('*', bodyLimit({ maxSize: MAX_BODY_BYTES, onError }));
  app.post(PAIRING_PROVE_PATH, async (c) => {
    const socket = c.env.incoming.socket as TLSSocket;
    await consume(tries, normalizeAddress(socket.remoteAddress ?? ''));
    const { proof } = await readBody(c, pairingProofSchema);
    if (!sameProof(proof, pairingProof(code, 'member', socket))) {
      logger.warn({ from: socket.remoteAddress }, 'a pairing was tried with a wrong code');
      throw new DomainError('pairing_code_invalid', 'show the code with: quorate agent pairing-code (on that node)');
    }
    proven.add(socket);
    return c.json({ proof: pairingProof(code, 'waiting', socket), name, version });
  });
  app.post(PAIRING_JOIN_PATH, async (c) => {
    if (!proven.has(c.env.incoming.socket as TLSSocket)) {
      throw new DomainError('pairing_code_invalid', 'this connection has not proven that it knows the pairing code');
    }
    const body = await readBody(c, pairingJoinSchema);
    if (joining) throw new DomainError('pairing_not_open', 'this node is being added already', [], 5);
    joining = true;
    try {
      const { address, token, ca_fingerprint: caFingerprint } = body;
      const { nodeId } = await options.join({ address, token, caFingerprint });
      whenSent(c, options.onJoined);
      return c.json({ node_id: nodeId });
    } finally {
      joining = false;
    }
  });
  return app;
}

const notThere = (c: Context): DomainError =>
  new DomainError('not_found', `there is no ${c.req.method} ${c.req.path} on a node that waits to be paired`);

/** The answer first, then what ends the connection; a caller that is gone is not waited for. */
function whenSent(c: Context<Env>, then: () => void): void {
  const timer = setTimeout(then, ANSWER_MS);
  c.env.outgoing.once('close', () => {
    clearTimeout(timer);
    then();
  });
}

/** @throws DomainError too_many_requests */
async function consume(tries: RateLimiterMemory, address: string): Promise<void> {
  const left = await tries.consume(address).catch(() => undefined);
  if (left) return;
  throw new DomainError('too_many_requests', `too many pairings from ${address}; try again in a minute`, [], 60);
}

/** @throws DomainError invalid_request, validation_failed */
async function readBody<S extends z.ZodType>(c: Context<Env>, schema: S): Promise<z.output<S>> {
  const body: unknown = await c.req.json().catch((error: unknown) => {
    if (error instanceof DomainError) throw error;
    throw new DomainError('invalid_request', 'the request is not valid JSON');
  });
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  throw validationFailed(parsed.error);
}
