import type { z } from 'zod';
import type { ErrorCode } from './error-codes';

/** Roles in ascending power: each may do all that the ones before it may. */
export const ROLES = ['viewer', 'operator', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/** Who may call a route. `public` needs no credentials; `local` only answers on the agent socket. */
export type Access = 'public' | Role | 'local';

type ObjectSchema = z.ZodObject<z.ZodRawShape>;

export interface RouteDefinition<
  Params extends ObjectSchema | undefined = ObjectSchema | undefined,
  Query extends ObjectSchema | undefined = ObjectSchema | undefined,
  Body extends z.ZodType | undefined = z.ZodType | undefined,
  Response extends z.ZodType | undefined = z.ZodType | undefined,
> {
  /** Stable operation id, dotted: `join_tokens.create`. */
  readonly id: string;
  readonly method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  /** Path with `{name}` parameters, as in OpenAPI. */
  readonly path: `/${string}`;
  readonly access: Access;
  readonly tag: string;
  readonly summary: string;
  /** What the summary leaves open, in sentences; may be empty. */
  readonly description: string;
  /** Headers that this operation understands beside those of every read or write, with what they do. */
  readonly requestHeaders: Readonly<Record<string, string>>;
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  /** The body is a file of any size, which the handler reads as a stream. */
  readonly upload: boolean;
  /** The JSON of a success; undefined = 204 without a body, or `contentType` says what else. */
  readonly response: Response;
  readonly status: number;
  /** Set for answers that are not JSON (a configuration as text, an event stream). */
  readonly contentType: string | undefined;
  /** Domain errors worth documenting beside the ones every route can answer with. */
  readonly errors: readonly ErrorCode[];
}

interface RouteInput<P, Q, B, R> {
  id: string;
  method: RouteDefinition['method'];
  path: `/${string}`;
  access: Access;
  tag: string;
  summary: string;
  description?: string;
  requestHeaders?: Readonly<Record<string, string>>;
  params?: P;
  query?: Q;
  body?: B;
  upload?: boolean;
  response?: R;
  status?: number;
  contentType?: string;
  errors?: readonly ErrorCode[];
}

/** For `requestHeaders` of settings that more than one person may change. */
export const IF_MATCH = { 'If-Match': 'The ETag that the change is based on: 412 when somebody was faster.' } as const;

/** Declares one REST operation. The server, the client, OpenAPI and the authorization tests are made from it. */
export function defineRoute<
  P extends ObjectSchema | undefined = undefined,
  Q extends ObjectSchema | undefined = undefined,
  B extends z.ZodType | undefined = undefined,
  R extends z.ZodType | undefined = undefined,
>(input: RouteInput<P, Q, B, R>): RouteDefinition<P, Q, B, R> {
  return {
    id: input.id,
    method: input.method,
    path: input.path,
    access: input.access,
    tag: input.tag,
    summary: input.summary,
    description: input.description ?? '',
    requestHeaders: input.requestHeaders ?? {},
    params: input.params as P,
    query: input.query as Q,
    body: input.body as B,
    upload: input.upload ?? false,
    response: input.response as R,
    status: input.status ?? (input.response || input.contentType ? 200 : 204),
    contentType: input.contentType,
    errors: input.errors ?? [],
  };
}

/** What a caller passes for a schema: the input side, before defaults are filled in. */
export type SchemaInput<T> = T extends z.ZodType ? z.input<T> : undefined;
/** What a handler gets: the output side, defaults filled in. */
export type SchemaOutput<T> = T extends z.ZodType ? z.output<T> : undefined;
