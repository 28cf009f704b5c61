import { HEADER } from '@quorate/shared/http-headers';
import { Agent, fetch as undiciFetch } from 'undici';

/** Where a command talks to: a node's socket, or the nodes of a cluster over HTTP in order of preference. */
export type Target =
  | { readonly kind: 'socket'; readonly path: string }
  | {
      readonly kind: 'http';
      readonly endpoints: readonly string[];
      /** PEM to verify against instead of the system's authorities. */
      readonly ca: string | undefined;
      readonly insecure: boolean;
    };

const CONNECT_TIMEOUT_MS = 3000;
/** Silence on a stream after which it is opened again; servers send a heartbeat more often. */
const SILENCE_TIMEOUT_MS = 90_000;
const MIN_ATTEMPT_MS = 2000;

/** No endpoint answered. `codes` are the system and TLS error codes met, for a precise cure. */
export class TransportError extends Error {
  override readonly name = 'TransportError';
  constructor(
    message: string,
    readonly codes: readonly string[],
  ) {
    super(message);
  }
}

/** Errors which prove that the request was never sent. */
const NOT_SENT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
  'ENOENT',
  'EACCES',
  'EPROTO',
]);
const isTlsCode = (code: string): boolean => /CERT|ERR_TLS|ERR_SSL|SIGNATURE|EPROTO/.test(code);
const isSent = (code: string): boolean => !NOT_SENT.has(code) && !isTlsCode(code);

/** The innermost system error of a fetch failure: an AggregateError (several addresses) counts as its first. */
function rootOf(error: unknown): { code: string; message: string } {
  let current = error as { cause?: unknown; errors?: unknown[]; code?: string; message?: string; name?: string };
  for (let depth = 0; depth < 5; depth++) {
    const next = current.errors?.[0] ?? current.cause;
    if (typeof next !== 'object' || next === null) break;
    current = next;
  }
  const code = typeof current.code === 'string' ? current.code : (current.name ?? '');
  return { code, message: current.message ?? String(error) };
}

const PLAIN_WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  ENOTFOUND: 'the host name is unknown',
  EAI_AGAIN: 'the name server does not answer',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'no route to the network',
  UND_ERR_CONNECT_TIMEOUT: 'no connection within 3s',
  UND_ERR_SOCKET: 'the connection was closed before an answer came',
  TimeoutError: 'no answer in time',
  UND_ERR_HEADERS_TIMEOUT: 'no answer in time',
  UND_ERR_BODY_TIMEOUT: 'it fell silent',
  EACCES: 'permission denied',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate comes from an authority that is not trusted here',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate comes from an authority that is not trusted here',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate comes from an authority that is not trusted here',
  CERT_HAS_EXPIRED: 'its certificate has expired',
};

/** `code` and a few plain words for a failed connection. */
export function explain(error: unknown): { code: string; words: string } {
  const { code, message } = rootOf(error);
  if (code === 'EPROTO' || code.startsWith('ERR_SSL')) {
    return { code, words: 'it does not speak TLS (is it an http:// address?)' };
  }
  return { code, words: PLAIN_WORDS[code] ?? message };
}

export interface Transport {
  /** `fetch` for paths such as `/v1/cluster`: the endpoint is chosen here, with failover. */
  readonly fetch: typeof fetch;
  close(): Promise<void>;
}

export interface TransportOptions {
  /** Budget of one call over all endpoints, in milliseconds. */
  readonly timeoutMs: number;
  /** Told when an endpoint is given up for the next one. */
  onFailover?(line: string): void;
}

function agentFor(target: Target, timeoutMs: number): Agent {
  const base = { bodyTimeout: SILENCE_TIMEOUT_MS, headersTimeout: timeoutMs + 1000 };
  if (target.kind === 'socket') return new Agent({ ...base, connect: { socketPath: target.path } });
  return new Agent({
    ...base,
    connect: {
      timeout: CONNECT_TIMEOUT_MS,
      rejectUnauthorized: !target.insecure,
      ...(target.ca === undefined ? {} : { ca: target.ca }),
    },
  });
}

/**
 * Opens the way to a cluster. Reads and writes with an Idempotency-Key move on to the next endpoint when one
 * cannot be reached or answers 502 or 503; other writes only when the first was certainly not sent or refused.
 */
export function createTransport(target: Target, options: TransportOptions): Transport {
  const agent = agentFor(target, options.timeoutMs);
  const endpoints = target.kind === 'socket' ? ['http://localhost'] : target.endpoints;
  const nameOf = (endpoint: string): string => (target.kind === 'socket' ? target.path : endpoint);
  // The endpoint that answered last is asked first, so that a watch does not knock on a dead door each time.
  let preferred = 0;

  /** `limitMs` bounds the time until the answer begins, not its body: a stream may last. */
  async function attempt(endpoint: string, path: string, init: RequestInit, limitMs: number | undefined) {
    const limit = new AbortController();
    const expire = (): void => limit.abort(new DOMException('no answer in time', 'TimeoutError'));
    const timer = limitMs === undefined ? undefined : setTimeout(expire, limitMs);
    const signal = init.signal ? AbortSignal.any([init.signal, limit.signal]) : limit.signal;
    try {
      // Node's own fetch types and undici's describe the same objects under two names.
      const undiciInit = { ...init, signal, dispatcher: agent } as Parameters<typeof undiciFetch>[1];
      return (await undiciFetch(endpoint + path, undiciInit)) as unknown as Response;
    } finally {
      clearTimeout(timer);
    }
  }

  async function send(path: string, init: RequestInit): Promise<Response> {
    const headers = new Headers(init.headers);
    const repeatable = (init.method ?? 'GET') === 'GET' || headers.has(HEADER.idempotencyKey);
    const limitMs = Math.max(MIN_ATTEMPT_MS, Math.ceil(options.timeoutMs / endpoints.length));
    const failures: { endpoint: string; code: string; words: string }[] = [];
    let refusal: Response | undefined;
    for (let turn = 0; turn < endpoints.length; turn++) {
      const position = (preferred + turn) % endpoints.length;
      const endpoint = endpoints[position] ?? '';
      const last = turn === endpoints.length - 1;
      try {
        const response = await attempt(endpoint, path, init, last || !repeatable ? undefined : limitMs);
        if (response.status !== 503 && response.status !== 502) {
          preferred = position;
          return response;
        }
        await refusal?.body?.cancel();
        refusal = response;
        if (!last) options.onFailover?.(`${nameOf(endpoint)} answered ${response.status}; trying the next node`);
      } catch (error) {
        if (init.signal?.aborted) throw error;
        const { code, words } = explain(error);
        failures.push({ endpoint, code, words });
        if (!repeatable && isSent(code)) break;
        if (!last) options.onFailover?.(`${nameOf(endpoint)}: ${words}; trying the next node`);
      }
    }
    if (refusal) return refusal;
    throw new TransportError(
      failures.map(({ endpoint, words }) => `${nameOf(endpoint)}: ${words}`).join('; '),
      failures.map(({ code }) => code),
    );
  }

  return {
    fetch: (input, init) => send(String(input), init ?? {}),
    close: () => agent.destroy(),
  };
}

const TIMEOUTS = new Set(['TimeoutError', 'UND_ERR_HEADERS_TIMEOUT']);

export const isTimeout = (error: TransportError): boolean => error.codes.some((code) => TIMEOUTS.has(code));
export const isTlsFailure = (error: TransportError): boolean => error.codes.some(isTlsCode);
/** Nobody knows whether a node got the request and did what it says. */
export const mayBeSent = (error: TransportError): boolean => error.codes.some(isSent);
