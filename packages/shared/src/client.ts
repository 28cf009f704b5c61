import { type ErrorCode, isErrorCode } from './error-codes';
import { HEADER } from './http-headers';
import { PROBLEM_CONTENT_TYPE, type Problem, problemSchema } from './problem';
import type { RouteDefinition, SchemaInput, SchemaOutput } from './route';

/** The server said no, or could not be reached (`status` 0, code `unreachable`). */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  constructor(
    readonly problem: Problem,
    options?: ErrorOptions,
  ) {
    super(problem.detail || problem.title, options);
  }
  get status(): number {
    return this.problem.status;
  }
  get code(): ErrorCode | 'unreachable' | 'unexpected_answer' {
    const { code } = this.problem;
    return isErrorCode(code) || code === 'unreachable' ? code : 'unexpected_answer';
  }
}

export interface ClientOptions {
  /** Without a trailing slash; empty = same origin. */
  baseUrl: string;
  fetch?: typeof fetch;
  headers?: () => Record<string, string>;
  /** Bound on one call, in milliseconds. */
  timeoutMs?: number;
}

type Part<Name extends string, T> = T extends undefined ? { [K in Name]?: undefined } : { [K in Name]: SchemaInput<T> };
type QueryPart<T> = T extends undefined ? { query?: undefined } : { query?: SchemaInput<T> };
export type CallInput<R extends RouteDefinition> = Part<'params', R['params']> &
  QueryPart<R['query']> &
  Part<'body', R['body']> & {
    headers?: Record<string, string>;
    signal?: AbortSignal;
  };
export type CallResult<R extends RouteDefinition> = R['response'] extends undefined
  ? string
  : SchemaOutput<R['response']>;

export interface CallAnswer<R extends RouteDefinition> {
  data: CallResult<R>;
  headers: Headers;
  status: number;
}

const problemOf = (status: number, code: string, title: string, detail: string): Problem => ({
  type: 'about:blank',
  title,
  status,
  detail,
  code,
  request_id: '',
});

function urlOf(route: RouteDefinition, input: { params?: unknown; query?: unknown }): string {
  const params = (input.params ?? {}) as Record<string, unknown>;
  const path = route.path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(params[name])));
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries((input.query ?? {}) as Record<string, unknown>)) {
    if (value !== undefined && value !== null) search.set(key, String(value));
  }
  const text = search.toString();
  return text ? `${path}?${text}` : path;
}

/** The error a failed answer stands for; for callers that fetch by themselves (streams). */
export async function errorOf(response: Response): Promise<ApiError> {
  const type = response.headers.get('content-type') ?? '';
  if (type.includes(PROBLEM_CONTENT_TYPE)) {
    const parsed = problemSchema.safeParse(await response.json().catch(() => undefined));
    if (parsed.success) return new ApiError(parsed.data);
  }
  return new ApiError(
    problemOf(
      response.status,
      'unexpected_answer',
      'Unexpected answer',
      `the server answered ${response.status} without a problem document; is this a Quorate address?`,
    ),
  );
}

/**
 * A typed client for every route of the contract: `call(route, {params, query, body})`.
 * Throws {@link ApiError}. It never retries: a caller that retries a write must pass an Idempotency-Key.
 */
export function createClient(options: ClientOptions) {
  const doFetch = options.fetch ?? fetch;
  const timeoutMs = options.timeoutMs ?? 30_000;

  async function send<R extends RouteDefinition>(route: R, input: CallInput<R>): Promise<Response> {
    const headers: Record<string, string> = {
      accept: 'application/json, text/plain, */*',
      ...options.headers?.(),
      ...input.headers,
    };
    const hasBody = input.body !== undefined;
    if (hasBody) headers['content-type'] = 'application/json';
    const timeout = AbortSignal.timeout(timeoutMs);
    const response = await doFetch(options.baseUrl + urlOf(route, input), {
      method: route.method.toUpperCase(),
      headers,
      signal: input.signal ? AbortSignal.any([input.signal, timeout]) : timeout,
      ...(hasBody ? { body: JSON.stringify(input.body) } : {}),
    }).catch((cause: unknown) => {
      if (input.signal?.aborted) throw cause;
      const why =
        cause instanceof Error ? (cause.cause instanceof Error ? cause.cause.message : cause.message) : String(cause);
      throw new ApiError(
        problemOf(
          0,
          'unreachable',
          'The server cannot be reached',
          `${options.baseUrl || 'the server'} cannot be reached: ${why}`,
        ),
        { cause },
      );
    });
    if (!response.ok) throw await errorOf(response);
    return response;
  }

  async function callFull<R extends RouteDefinition>(route: R, input: CallInput<R>): Promise<CallAnswer<R>> {
    const response = await send(route, input);
    const text = await response.text();
    const data = (route.response && text ? JSON.parse(text) : text) as CallResult<R>;
    return { data, headers: response.headers, status: response.status };
  }

  async function call<R extends RouteDefinition>(route: R, input: CallInput<R>): Promise<CallResult<R>> {
    return (await callFull(route, input)).data;
  }

  return { call, callFull };
}
export type Client = ReturnType<typeof createClient>;

/** The log index a write landed at, for `X-Quorate-Min-Index` on a later read through another node. */
export const indexOf = (headers: Headers): number | undefined => {
  const value = headers.get(HEADER.index);
  return value === null ? undefined : Number(value);
};
