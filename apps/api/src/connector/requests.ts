import { CONNECTOR_LIMITS, type FromGateway, type UpstreamRequest } from '@quorate/shared/connector-protocol';
import { HEADER } from '@quorate/shared/http-headers';
import type { Principal } from '@quorate/shared/session';
import { DomainError } from '../commands/domain-error';
import { toProblem } from '../http/problem';
import { delay } from '../lib/async';
import { uuidv7 } from '../lib/ids';

/** The REST application, in process: the same one that serves everybody else. */
export type ApiFetch = (request: Request) => Response | Promise<Response>;

type Answer = Extract<FromGateway, { type: 'answer' }>;

/** What the upstream may say about its request. Not who it is: that is decided by the connection. */
const TAKEN_HEADERS: ReadonlySet<string> = new Set(
  ['accept', 'content-type', 'if-none-match', 'if-match', HEADER.idempotencyKey, HEADER.minIndex].map((name) =>
    name.toLowerCase(),
  ),
);
const TEXT = /^(text\/|application\/(.+\+)?(json|yaml|xml)\b)/;
/** The host is never looked up, and is no loopback name: nothing is granted for being near. */
const BASE = 'http://upstream.invalid';

/** Answers requests of the upstream, a bounded number at a time. */
export function createRequestServer(fetch: ApiFetch, limits: typeof CONNECTOR_LIMITS = CONNECTOR_LIMITS) {
  const running = new Set<string>();
  let idle: (() => void)[] = [];

  async function carryOut(request: UpstreamRequest): Promise<Answer> {
    if (running.has(request.id)) {
      return refusal(request, new DomainError('invalid_request', 'a request with this id is being answered already'));
    }
    if (running.size >= limits.concurrency) {
      const detail = `${limits.concurrency} requests are being answered already; wait for an answer`;
      return refusal(request, new DomainError('too_many_requests', detail, [], 1));
    }
    running.add(request.id);
    try {
      return await withDeadline(fetch, request, limits);
    } finally {
      running.delete(request.id);
      if (running.size === 0) for (const done of idle.splice(0)) done();
      idle = running.size === 0 ? [] : idle;
    }
  }

  return {
    answer: carryOut,
    /** Resolves when no request is being answered, or after `ms`. */
    async settle(ms: number): Promise<void> {
      if (running.size === 0) return;
      const cut = new AbortController();
      await Promise.race([new Promise<void>((resolve) => idle.push(resolve)), delay(ms, cut.signal)]);
      cut.abort();
    },
  };
}

async function withDeadline(fetch: ApiFetch, request: UpstreamRequest, limits: typeof CONNECTOR_LIMITS) {
  const deadline = new AbortController();
  const work = send(fetch, request, deadline.signal, limits).catch((error: unknown) => refusal(request, error));
  const late = delay(limits.requestTimeoutMs, deadline.signal).then(() => {
    const detail = `there was no answer within ${limits.requestTimeoutMs / 1000} s`;
    const cure = 'ask what became of it, or repeat it with the same Idempotency-Key';
    return refusal(request, new DomainError('outcome_unknown', `${detail}; ${cure}`));
  });
  const answer = await Promise.race([work, late]);
  deadline.abort();
  return answer;
}

async function send(fetch: ApiFetch, request: UpstreamRequest, signal: AbortSignal, limits: typeof CONNECTOR_LIMITS) {
  const headers = Object.entries(request.headers).filter(([name]) => TAKEN_HEADERS.has(name.toLowerCase()));
  const hasBody = request.body !== undefined && request.method !== 'GET';
  const response = await fetch(
    new Request(BASE + request.path, {
      method: request.method,
      headers: [...(hasBody ? [['content-type', 'application/json'] as [string, string]] : []), ...headers].filter(
        ([name], index, all) => all.findLastIndex(([other]) => other.toLowerCase() === name.toLowerCase()) === index,
      ),
      signal,
      ...(hasBody ? { body: request.body as string } : {}),
    }),
  );
  const type = response.headers.get('content-type') ?? '';
  if (type.startsWith('text/event-stream')) {
    await response.body?.cancel();
    const detail =
      'this is answered by a stream, which a request here cannot have; events come over the connection by themselves';
    return refusal(request, new DomainError('invalid_request', detail));
  }
  const body = await readBounded(response, limits.answerBytes);
  const isText = type === '' || TEXT.test(type);
  const encoding = isText ? ('text' as const) : ('base64' as const);
  return {
    type: 'answer' as const,
    id: request.id,
    status: response.status,
    headers: Object.fromEntries(response.headers),
    body: body.toString(isText ? 'utf8' : 'base64'),
    encoding,
  };
}

/** @throws DomainError body_too_large */
async function readBounded(response: Response, max: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > max) {
      const cure = 'ask for a part of it (limit), or fetch it from the API of a node';
      throw new DomainError('body_too_large', `the answer is over ${max} bytes; ${cure}`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function refusal(request: UpstreamRequest, error: unknown): Answer {
  const problem = toProblem(error, uuidv7());
  const headers = { 'content-type': 'application/problem+json' };
  const { id } = request;
  return { type: 'answer', id, status: problem.status, headers, body: JSON.stringify(problem), encoding: 'text' };
}

/** Who calls over the connection. */
export const upstreamPrincipal = (role: Principal['role']): Principal => ({
  kind: 'upstream',
  id: 'upstream',
  name: 'upstream',
  role,
  expires_at: null,
});
