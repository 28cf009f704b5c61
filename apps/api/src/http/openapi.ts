import { ERROR_CODES, type ErrorCode } from '@quorate/shared/error-codes';
import { HEADER } from '@quorate/shared/http-headers';
import { PROBLEM_CONTENT_TYPE, problemSchema } from '@quorate/shared/problem';
import type { RouteDefinition } from '@quorate/shared/route';
import { z } from 'zod';

type JsonObject = Record<string, unknown>;

/** Errors that any authenticated route, and any write, can answer with. */
const COMMON_ERRORS: readonly ErrorCode[] = ['unauthenticated', 'forbidden', 'internal'];
const WRITE_ERRORS: readonly ErrorCode[] = ['no_quorum', 'outcome_unknown', 'overloaded'];

/** An OpenAPI 3.1 document of all routes; its schemas are the ones that validate the requests. */
export function buildOpenApi(routes: readonly RouteDefinition[], version: string): JsonObject {
  const schemas: JsonObject = {};
  const paths: Record<string, JsonObject> = {};
  for (const route of routes) {
    paths[route.path] ??= {};
    Object.assign(paths[route.path] ?? {}, { [route.method]: operationOf(route, schemas) });
  }
  schemaOf(problemSchema, 'output', schemas);
  return {
    openapi: '3.1.0',
    info: {
      title: 'Quorate',
      version,
      description: 'Control plane API. Every node answers every request; errors are RFC 9457 problem documents.',
    },
    security: [{ bearer: [] }, { cookie: [] }],
    paths,
    components: {
      schemas,
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: 'A session token or an API token (qa_…)' },
        cookie: { type: 'apiKey', in: 'cookie', name: 'quorate_session' },
      },
    },
  };
}

function schemaOf(schema: z.ZodType, io: 'input' | 'output', schemas: JsonObject): JsonObject {
  const json = z.toJSONSchema(schema, { io, unrepresentable: 'any', target: 'draft-2020-12' }) as JsonObject;
  const definitions = (json['$defs'] ?? {}) as JsonObject;
  delete json['$defs'];
  delete json['$schema'];
  for (const [name, definition] of Object.entries(definitions)) schemas[name] ??= moveRefs(definition);
  const named = schema.meta()?.id;
  if (typeof named !== 'string') return moveRefs(json) as JsonObject;
  schemas[named] ??= moveRefs(json);
  return { $ref: `#/components/schemas/${named}` };
}

/** JSON Schema keeps shared parts under $defs, OpenAPI under components. */
function moveRefs(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value).replaceAll('"#/$defs/', '"#/components/schemas/'));
}

function operationOf(route: RouteDefinition, schemas: JsonObject): JsonObject {
  const isWrite = route.method !== 'get';
  const parameters = [
    ...parametersOf(route.params, 'path', schemas),
    ...parametersOf(route.query, 'query', schemas),
    ...(isWrite ? [headerParameter(HEADER.idempotencyKey, 'Makes a repeated request harmless')] : readParameters()),
  ];
  return {
    operationId: route.id,
    tags: [route.tag],
    summary: route.summary,
    description: `Access: ${route.access}`,
    ...(route.access === 'public' ? { security: [] } : {}),
    parameters,
    ...(route.body
      ? {
          requestBody: {
            required: true,
            content: { 'application/json': { schema: schemaOf(route.body, 'input', schemas) } },
          },
        }
      : {}),
    responses: responsesOf(route, isWrite, schemas),
  };
}

function parametersOf(schema: RouteDefinition['params'], place: 'path' | 'query', schemas: JsonObject): JsonObject[] {
  if (!schema) return [];
  return Object.entries(schema.shape).map(([name, part]) => ({
    name,
    in: place,
    required: place === 'path' || !(part as z.ZodType).safeParse(undefined).success,
    schema: schemaOf(part as z.ZodType, 'output', schemas),
  }));
}

const headerParameter = (name: string, description: string): JsonObject => ({
  name,
  in: 'header',
  required: false,
  description,
  schema: { type: 'string' },
});

const readParameters = (): JsonObject[] => [
  headerParameter(HEADER.minIndex, 'Wait until this node has applied that index'),
  { name: 'consistency', in: 'query', required: false, schema: { type: 'string', enum: ['local', 'linearizable'] } },
];

function responsesOf(route: RouteDefinition, isWrite: boolean, schemas: JsonObject): JsonObject {
  const content = route.response
    ? { 'application/json': { schema: schemaOf(route.response, 'output', schemas) } }
    : route.contentType
      ? { [route.contentType]: { schema: { type: 'string' } } }
      : undefined;
  const responses: JsonObject = { [route.status]: { description: 'Success', ...(content ? { content } : {}) } };
  const codes = [
    ...(route.access === 'public' ? ['internal' as const] : COMMON_ERRORS),
    ...(isWrite ? WRITE_ERRORS : []),
    ...route.errors,
  ];
  for (const code of new Set(codes)) {
    const status = String(ERROR_CODES[code].status);
    const known = responses[status] as { description: string } | undefined;
    responses[status] = {
      description: known ? `${known.description}, ${code}` : code,
      content: { [PROBLEM_CONTENT_TYPE]: { schema: { $ref: '#/components/schemas/Problem' } } },
    };
  }
  return responses;
}
