import type { HttpBindings } from '@hono/node-server';
import { HEADER } from '@quorate/shared/http-headers';
import { type Access, ROLES } from '@quorate/shared/route';
import type { Principal } from '@quorate/shared/session';
import { type Context, Hono } from 'hono';
import { DomainError } from '../commands/domain-error';
import { uuidv7 } from '../lib/ids';
import type { Applier } from '../replication/applier';
import type { Barrier } from '../replication/barrier';
import type { Endpoint } from './endpoint';
import { problemResponse, toProblem } from './problem';
import { type ContextOptions, HttpRequestContext } from './request-context';
import { createInputReader, readBody } from './request-input';

export interface AppOptions extends ContextOptions {
  readonly endpoints: readonly Endpoint[];
  /** Who sends the request. @throws DomainError unauthenticated when credentials are given and wrong */
  readonly authenticate: (c: Context) => Promise<Principal | null>;
  readonly applier: Applier;
  readonly barrier: Barrier;
  readonly observe?: (route: string, method: string, status: number, seconds: number) => void;
  /** What else answers reads: the console and the API document. */
  readonly pages?: (c: Context) => Response | undefined;
}

type Env = { Bindings: HttpBindings; Variables: { requestId: string } };

const MIN_INDEX_WAIT_MS = 5_000;
const MIN_INDEX = /^\d{1,15}$/;

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
      const raw = isRead || route.upload ? Buffer.alloc(0) : await readBody(c.req.raw);
      const input = readInput(c, raw);
      const headers = commonHeaders(options, requestId);
      const ctx = new HttpRequestContext(options, c, { principal, requestId, raw, headers });
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
