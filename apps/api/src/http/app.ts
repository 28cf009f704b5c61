import { createHmac, randomBytes } from 'node:crypto';
import type { BlockList } from 'node:net';
import type { HttpBindings } from '@hono/node-server';
import { HEADER } from '@quorate/shared/http-headers';
import { type Access, ROLES } from '@quorate/shared/route';
import type { Principal } from '@quorate/shared/session';
import { type Context, Hono } from 'hono';
import { uuidv7 } from 'uuidv7';
import type { Actor } from '../commands/define-command';
import { DomainError } from '../commands/domain-error';
import type { StateStore } from '../db/state-store';
import type { Logger } from '../lib/logger';
import type { Applier } from '../replication/applier';
import type { Barrier } from '../replication/barrier';
import type { Proposer } from '../replication/proposer';
import type { Endpoint, RequestContext } from './endpoint';
import { problemResponse, toProblem } from './problem';
import { clientAddress, isLoopbackAddress } from './remote-address';
import { createInputReader, readBody } from './request-input';

export interface AppOptions {
  readonly endpoints: readonly Endpoint[];
  /** Who sends the request. @throws DomainError unauthenticated when credentials are given and wrong */
  readonly authenticate: (c: Context) => Promise<Principal | null>;
  readonly store: StateStore;
  readonly applier: Applier;
  readonly proposer: Proposer;
  readonly barrier: Barrier;
  readonly nodeId: () => number;
  /** Keys what must not be guessed from the replicated state: fingerprints and derived secrets. */
  readonly deriveKey: () => Buffer;
  readonly trustedProxies: BlockList;
  readonly logger: Logger;
  readonly observe?: (route: string, method: string, status: number, seconds: number) => void;
  /** What else answers reads: the console and the API document. */
  readonly pages?: (c: Context) => Response | undefined;
  /** True on the agent socket, whose file permission is the guard. */
  readonly local?: boolean;
}

type Env = { Bindings: HttpBindings; Variables: { requestId: string } };

const ANONYMOUS: Actor = { kind: 'anonymous', id: 'anonymous', name: 'anonymous' };
const MIN_INDEX_WAIT_MS = 5_000;
const MIN_INDEX = /^\d{1,15}$/;
const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,128}$/;

/** The REST application: every endpoint behind the same pipeline of auth, validation, consistency and errors. */
export function createApp(options: AppOptions): Hono<Env> {
  const app = new Hono<Env>();
  app.onError((error, c) => failure(options, c, error));
  const served = options.endpoints.filter((item) => item.route.access !== 'local' || options.local === true);
  for (const item of served) {
    const path = item.route.path.replace(/\{(\w+)\}/g, ':$1');
    app.on(item.route.method.toUpperCase(), path, createHandler(options, item));
  }
  const allowedAt = createMethodFinder(served);
  app.notFound((c) => {
    const isRead = c.req.method === 'GET' || c.req.method === 'HEAD';
    return (isRead ? options.pages?.(c) : undefined) ?? unknownRequest(options, c, allowedAt(c.req.path));
  });
  return app;
}

/** Which methods a path takes; empty = there is no such path. */
function createMethodFinder(endpoints: readonly Endpoint[]): (path: string) => string[] {
  const patterns = endpoints.map(({ route }) => ({
    pattern: new RegExp(`^${route.path.replaceAll('.', '\\.').replace(/\{\w+\}/g, '[^/]+')}$`),
    method: route.method.toUpperCase(),
  }));
  return (path) => patterns.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method);
}

function unknownRequest(options: AppOptions, c: Context<Env>, allowed: readonly string[]): Response {
  const { method, path } = c.req;
  if (allowed.length === 0) {
    return failure(options, c, new DomainError('not_found', `there is no ${method} ${path}; see /openapi.json`));
  }
  const detail = `${path} does not take ${method}; use ${allowed.join(' or ')}`;
  return failure(options, c, new DomainError('method_not_allowed', detail), { allow: allowed.join(', ') });
}

/** Headers of every answer. A plain object: the server writes it as it is, where Headers would be converted twice. */
function commonHeaders(options: AppOptions, requestId: string): Record<string, string> {
  return { [HEADER.requestId]: requestId, [HEADER.node]: String(options.nodeId()) };
}

function failure(options: AppOptions, c: Context<Env>, error: unknown, headers: Record<string, string> = {}): Response {
  const requestId = c.get('requestId') ?? uuidv7();
  const problem = toProblem(error, requestId);
  if (problem.status === 500) {
    options.logger.error({ err: error, request_id: requestId, path: c.req.path }, 'request failed');
  }
  return problemResponse(problem, { ...commonHeaders(options, requestId), ...headers });
}

/** Who calls. A public route serves callers with ended credentials like those without: how else would they sign in again? */
async function identify(options: AppOptions, access: Access, c: Context): Promise<Principal | null> {
  try {
    return await options.authenticate(c);
  } catch (error) {
    if (!(error instanceof DomainError && error.code === 'unauthenticated')) throw error;
    if (access === 'public') return null;
    if (!(await reachesMinIndex(options, c))) throw error;
    return options.authenticate(c);
  }
}

/** Credentials made on another node a moment ago arrive here with the index that their reader asks for. */
async function reachesMinIndex(options: AppOptions, c: Context): Promise<boolean> {
  const minIndex = c.req.method === 'GET' ? c.req.header(HEADER.minIndex) : undefined;
  if (minIndex === undefined || !MIN_INDEX.test(minIndex)) return false;
  return options.applier.waitFor(Number(minIndex), MIN_INDEX_WAIT_MS);
}

/** @throws DomainError unauthenticated, forbidden */
function authorize(access: Access, principal: Principal | null, local: boolean): void {
  if (access === 'public') return;
  if (!principal) throw new DomainError('unauthenticated', 'sign in, or send Authorization: Bearer with an API token');
  if (access === 'local') {
    if (!local) throw new DomainError('forbidden', 'this works on the agent socket only');
    return;
  }
  if (ROLES.indexOf(principal.role) < ROLES.indexOf(access)) {
    throw new DomainError('forbidden', `this needs the role ${access}; ${principal.name} is ${principal.role}`);
  }
}

function createHandler(options: AppOptions, item: Endpoint): (c: Context<Env>) => Promise<Response> {
  const { route } = item;
  const readInput = createInputReader(route);
  const isRead = route.method === 'get';
  return async (c) => {
    const startedAt = performance.now();
    const requestId = uuidv7();
    c.set('requestId', requestId);
    let response: Response;
    try {
      const principal = await identify(options, route.access, c);
      authorize(route.access, principal, options.local === true);
      if (isRead) await awaitConsistency(options, c);
      const raw = isRead ? Buffer.alloc(0) : await readBody(c.req.raw);
      const input = readInput(c, raw);
      const headers = commonHeaders(options, requestId);
      const ctx = createContext(options, c, { principal, requestId, raw, headers });
      response = toResponse(route.status, await item.handle(ctx, input), headers);
    } catch (error) {
      response = failure(options, c, error);
    }
    // The answer to HEAD goes without its body: a stream that nobody reads would run on by itself.
    if (c.req.method === 'HEAD') await response.body?.cancel();
    const seconds = (performance.now() - startedAt) / 1000;
    options.observe?.(route.id, route.method, response.status, seconds);
    if (!isRead) {
      const { status } = response;
      options.logger.info(
        { request_id: requestId, route: route.id, status, ms: Math.round(seconds * 1000) },
        'request',
      );
    }
    return response;
  };
}

function toResponse(status: number, result: unknown, headers: Record<string, string>): Response {
  if (result instanceof Response) {
    for (const [name, value] of Object.entries(headers)) result.headers.set(name, value);
    return result;
  }
  headers['cache-control'] = 'no-store';
  if (result === undefined) return new Response(null, { status: status === 200 ? 204 : status, headers });
  headers['content-type'] = 'application/json';
  return new Response(JSON.stringify(result), { status, headers });
}

/** @throws DomainError invalid_request, no_quorum, index_not_reached */
async function awaitConsistency(options: AppOptions, c: Context<Env>): Promise<void> {
  const minIndex = c.req.header(HEADER.minIndex);
  if (minIndex !== undefined) {
    if (!MIN_INDEX.test(minIndex))
      throw new DomainError('invalid_request', `${HEADER.minIndex} must be a whole number`);
    if (!(await options.applier.waitFor(Number(minIndex), MIN_INDEX_WAIT_MS))) {
      throw new DomainError('index_not_reached', `index ${minIndex} is not applied on this node yet`, [], 1);
    }
  }
  const consistency = c.req.query('consistency');
  if (consistency === undefined || consistency === 'local') return;
  if (consistency !== 'linearizable') {
    throw new DomainError('validation_failed', `consistency is local or linearizable, not ${consistency}`, [
      { pointer: 'query/consistency', detail: 'local or linearizable' },
    ]);
  }
  await options.barrier();
}

interface ContextParts {
  readonly principal: Principal | null;
  readonly requestId: string;
  readonly raw: Buffer;
  readonly headers: Record<string, string>;
}

function createContext(options: AppOptions, c: Context<Env>, parts: ContextParts): RequestContext {
  const { principal, requestId, raw, headers } = parts;
  const actor: Actor = principal ? { kind: principal.kind, id: principal.id, name: principal.name } : ANONYMOUS;
  let remote: Remote | undefined;
  const remoteOfRequest = (): Remote => {
    remote ??= remoteOf(options, c);
    return remote;
  };
  const keyOfRequest = (): RequestKey => {
    request ??= createRequestKey(options, c, actor, raw);
    return request;
  };
  let request: RequestKey | undefined;
  let proposals = 0;
  // Before anything runs: a key that can't be used is the caller's mistake, even where nothing is proposed.
  if (c.req.header(HEADER.idempotencyKey) !== undefined) keyOfRequest();
  return {
    principal,
    actor,
    requestId,
    get remoteAddress() {
      return remoteOfRequest().remoteAddress;
    },
    get loopback() {
      return remoteOfRequest().loopback;
    },
    logger: options.logger,
    get db() {
      return options.store.db;
    },
    get signal() {
      return c.req.raw.signal;
    },
    get url() {
      return new URL(c.req.url);
    },
    header: (name) => c.req.header(name),
    setHeader(name, value) {
      headers[name] = value;
    },
    async propose(command, input) {
      const { id: base, fingerprint } = keyOfRequest();
      const id = proposals === 0 ? base : `${base}.${proposals}`;
      proposals += 1;
      const { index, result } = await options.proposer.propose(command, input, {
        actor,
        id,
        fingerprint,
      });
      headers[HEADER.index] = String(index);
      return result;
    },
    secret(purpose) {
      const { id, salt } = keyOfRequest();
      return createHmac('sha256', options.deriveKey()).update(`secret:${purpose}:${id}:${salt}`).digest();
    },
  };
}

interface RequestKey {
  readonly id: string;
  readonly fingerprint: string;
  readonly salt: string;
}

/** The identity of a request: by its Idempotency-Key when it has one, else by chance. */
function createRequestKey(options: AppOptions, c: Context<Env>, actor: Actor, raw: Buffer): RequestKey {
  const key = c.req.header(HEADER.idempotencyKey);
  if (key === undefined) return { id: uuidv7(), fingerprint: '', salt: randomBytes(16).toString('hex') };
  if (!IDEMPOTENCY_KEY.test(key)) {
    throw new DomainError('invalid_request', `${HEADER.idempotencyKey} must be 1 to 128 printable ASCII characters`);
  }
  const mac = (text: string): string => createHmac('sha256', options.deriveKey()).update(text).digest('base64url');
  const id = `idem-${mac(`id:${actor.kind}:${actor.id}:${key}`)}`;
  const { pathname, search } = new URL(c.req.url);
  const fingerprint = mac(`request:${c.req.method}:${pathname}${search}:${raw.toString('base64')}`);
  return { id, fingerprint, salt: '' };
}

type Remote = Pick<RequestContext, 'remoteAddress' | 'loopback'>;

function remoteOf(options: AppOptions, c: Context<Env>): Remote {
  if (options.local) return { remoteAddress: '', loopback: true };
  const peer = c.env.incoming?.socket.remoteAddress ?? '';
  const forwarded = c.req.header('x-forwarded-for');
  const proxied = forwarded !== undefined || c.req.header('forwarded') !== undefined;
  const loopback = !proxied && isLoopbackAddress(peer) && isLoopbackHost(c.req.header('host') ?? '');
  return { remoteAddress: clientAddress(peer, forwarded, options.trustedProxies), loopback };
}

/** Guards against DNS rebinding: a page on another name that resolves to loopback is no loopback client. */
function isLoopbackHost(host: string): boolean {
  const name = host.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
  return name === 'localhost' || isLoopbackAddress(name);
}
