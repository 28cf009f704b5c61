import { ERROR_CODES, type ErrorCode } from '@quorate/shared/error-codes';
import { HEADER } from '@quorate/shared/http-headers';
import { PROBLEM_CONTENT_TYPE, problemSchema } from '@quorate/shared/problem';
import type { Access, RouteDefinition } from '@quorate/shared/route';
import { SESSION_COOKIE } from '@quorate/shared/session';
import type { z } from 'zod';
import { createSchemaBook, type JsonObject, type SchemaBook } from './openapi-schemas';

/** Errors by what a route does, beside the ones that it names itself. */
const AUTH_ERRORS: readonly ErrorCode[] = ['unauthenticated', 'forbidden'];
const READ_ERRORS: readonly ErrorCode[] = ['invalid_request', 'index_not_reached', 'no_quorum'];
const WRITE_ERRORS: readonly ErrorCode[] = [
  'invalid_request',
  'cross_origin',
  'idempotency_key_reused',
  'no_quorum',
  'overloaded',
  'upgrade_required',
  'outcome_unknown',
];
const BODY_ERRORS: readonly ErrorCode[] = ['body_too_large', 'unsupported_media_type', 'validation_failed'];

const WHO: Record<Access, string> = {
  public: 'Anybody may call it, without credentials.',
  viewer: 'Needs the role viewer, operator or admin.',
  operator: 'Needs the role operator or admin.',
  admin: 'Needs the role admin.',
  local: "Works on the node's agent socket only; the permission of the socket file is the guard.",
};

const TAGS: Record<string, string> = {
  Health: 'For load balancers and monitoring.',
  Setup: 'The first admin of a new cluster.',
  Session: 'Signing in and out.',
  Users: 'People and their roles.',
  'API tokens': 'Credentials for scripts and monitoring.',
  Cluster: 'Members, quorum and leadership.',
  Joining: 'Join tokens, and nodes on their way in.',
  'Load balancer': 'The HAProxy configuration for the live membership.',
  'Data safety': 'Backups and restoring from them.',
  Watching: 'What happened, and who did it.',
  Commands: 'What became of a write.',
};

/**
 * An OpenAPI 3.1 document of all routes; its schemas are the ones that validate the requests. Two extensions:
 * `x-quorate-access` (who may call) on operations, `x-quorate-errors` (codes and titles) on error responses.
 */
export function buildOpenApi(routes: readonly RouteDefinition[], version: string): JsonObject {
  const book = createSchemaBook();
  const paths: Record<string, JsonObject> = {};
  for (const route of routes) {
    const path = paths[route.path] ?? {};
    path[route.method] = operationOf(route, book);
    paths[route.path] = path;
  }
  book.answer(problemSchema);
  return {
    openapi: '3.1.0',
    info: {
      title: 'Quorate',
      version,
      description: 'Control plane API. Every node answers every request; errors are RFC 9457 problem documents.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/', description: 'The node that serves this document' }],
    security: [{ bearer: [] }, { cookie: [] }],
    tags: [...new Set(routes.map((route) => route.tag))].map((name) => ({
      name,
      ...(TAGS[name] ? { description: TAGS[name] } : {}),
    })),
    paths,
    components: {
      schemas: book.schemas,
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: 'A session token or an API token (qa_…)' },
        cookie: {
          type: 'apiKey',
          in: 'cookie',
          name: SESSION_COOKIE,
          description: 'How browsers carry a session; writes must then come from the console itself',
        },
      },
    },
  };
}

function operationOf(route: RouteDefinition, book: SchemaBook): JsonObject {
  return {
    operationId: route.id,
    tags: [route.tag],
    summary: route.summary,
    description: descriptionOf(route),
    'x-quorate-access': route.access,
    ...(route.access === 'public' || route.access === 'local' ? { security: [] } : {}),
    parameters: [
      ...parametersOf(route.params, 'path', book),
      ...parametersOf(route.query, 'query', book),
      ...Object.entries(route.requestHeaders).map(([name, text]) => headerParameter(name, text)),
      ...(route.method === 'get' ? readParameters() : writeParameters()),
    ],
    ...(route.body
      ? {
          requestBody: {
            required: !route.body.safeParse({}).success,
            content: { 'application/json': { schema: book.request(route.body) } },
          },
        }
      : {}),
    ...(route.upload
      ? { requestBody: { required: true, content: { 'application/octet-stream': { schema: { type: 'string' } } } } }
      : {}),
    responses: responsesOf(route, book),
  };
}

function descriptionOf({ description, access }: RouteDefinition): string {
  if (access === 'public' && description) return description;
  return description ? `${description} ${WHO[access]}` : WHO[access];
}

function parametersOf(schema: RouteDefinition['params'], place: 'path' | 'query', book: SchemaBook): JsonObject[] {
  return Object.entries((schema?.shape ?? {}) as Record<string, z.ZodType>).map(([name, part]) => {
    const { description, ...json } = book.answer(part);
    return {
      name,
      in: place,
      required: place === 'path' || !part.safeParse(undefined).success,
      ...(description === undefined ? {} : { description }),
      schema: json,
    };
  });
}

const headerParameter = (name: string, description: string, schema: JsonObject = { type: 'string' }): JsonObject => ({
  name,
  in: 'header',
  required: false,
  description,
  schema,
});

const readParameters = (): JsonObject[] => [
  headerParameter(HEADER.minIndex, 'Wait, for at most 5 s, until this node has applied that log index.', {
    type: 'integer',
    minimum: 0,
  }),
  {
    name: 'consistency',
    in: 'query',
    required: false,
    description: 'local reads what this node has applied; linearizable asks the quorum first.',
    schema: { type: 'string', enum: ['local', 'linearizable'], default: 'local' },
  },
];

const writeParameters = (): JsonObject[] => [
  headerParameter(HEADER.idempotencyKey, 'Under the same key the same request is done once, on whichever node.', {
    type: 'string',
    minLength: 1,
    maxLength: 128,
  }),
];

const header = (description: string, schema: JsonObject): JsonObject => ({ description, schema });

function headersOf(route: RouteDefinition): JsonObject {
  const isPaged = route.query !== undefined && 'cursor' in route.query.shape;
  return {
    [HEADER.node]: header('The id of the node that answered', { type: 'integer' }),
    [HEADER.requestId]: header('Names this request in the log of the node', { type: 'string' }),
    ...(route.method === 'get'
      ? {}
      : { [HEADER.index]: header('Log index of the change, when there was one', { type: 'integer' }) }),
    ...(isPaged ? { Link: header('The next page, as rel="next"', { type: 'string' }) } : {}),
  };
}

function responsesOf(route: RouteDefinition, book: SchemaBook): JsonObject {
  const content = route.response
    ? { 'application/json': { schema: book.answer(route.response) } }
    : route.contentType
      ? { [route.contentType]: { schema: { type: 'string' } } }
      : undefined;
  const success = {
    description: content ? 'Success' : 'Done; the answer has no body',
    headers: headersOf(route),
    ...(content ? { content } : {}),
  };
  return { [route.status]: success, ...errorResponses(route) };
}

/** One response for each status, naming every code that can come with it. */
function errorResponses(route: RouteDefinition): JsonObject {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of new Set(errorsOf(route))) {
    const { status } = ERROR_CODES[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  const sorted = [...byStatus].sort(([a], [b]) => a - b);
  return Object.fromEntries(sorted.map(([status, codes]) => [status, errorResponse(status, codes)]));
}

const errorResponse = (status: number, codes: readonly ErrorCode[]): JsonObject => ({
  description: codes.map((code) => `${ERROR_CODES[code].title} (${code})`).join('; '),
  'x-quorate-errors': codes.map((code) => ({ code, title: ERROR_CODES[code].title })),
  ...(status === 429 || status === 503
    ? { headers: { 'Retry-After': header('Seconds after which a retry makes sense, when known', { type: 'integer' }) } }
    : {}),
  content: { [PROBLEM_CONTENT_TYPE]: { schema: { $ref: '#/components/schemas/Problem' } } },
});

function errorsOf(route: RouteDefinition): ErrorCode[] {
  const isInputChecked = route.params || route.query || route.access !== 'public';
  return [
    ...(route.access === 'public' ? [] : AUTH_ERRORS),
    ...(route.method === 'get' ? READ_ERRORS : WRITE_ERRORS),
    ...(route.body ? BODY_ERRORS : []),
    ...(isInputChecked ? (['validation_failed'] as const) : []),
    ...route.errors,
    'internal',
  ];
}
