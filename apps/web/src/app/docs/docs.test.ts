import { apiTokenRoutes } from '@quorate/shared/api-tokens';
import { clusterRoutes } from '@quorate/shared/cluster';
import { haproxyRoutes } from '@quorate/shared/haproxy';
import { joinTokenRoutes } from '@quorate/shared/join-tokens';
import type { RouteDefinition } from '@quorate/shared/route';
import { sessionRoutes } from '@quorate/shared/session';
import { setupRoutes } from '@quorate/shared/setup';
import { userRoutes } from '@quorate/shared/users';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type ApiDocument, filterGroups, groupsOf, type Operation, type Schema } from './document';
import { curlOf, exampleOf } from './example';
import { choicesOf, constraintWords, fieldsInside, typeWords } from './schema-words';

const ROUTES: RouteDefinition[] = [
  setupRoutes,
  sessionRoutes,
  userRoutes,
  apiTokenRoutes,
  clusterRoutes,
  joinTokenRoutes,
  haproxyRoutes,
].flatMap((routes) => Object.values(routes));

const document: ApiDocument = {
  info: { title: 'Quorate', version: '1' },
  tags: [{ name: 'Users', description: 'People.' }, { name: 'Cluster' }, { name: 'Unused' }],
  paths: {
    '/v1/cluster': {
      get: { operationId: 'cluster.get', tags: ['Cluster'], responses: { 200: { description: 'ok' } } },
    },
    '/v1/users/{id}': {
      patch: {
        operationId: 'users.update',
        tags: ['Users'],
        'x-quorate-access': 'admin',
        parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string', format: 'uuid' } }],
        requestBody: { content: { 'application/json': { schema: { $ref: '#/components/schemas/Change' } } } },
        responses: {
          200: { description: 'ok' },
          409: { description: 'no', 'x-quorate-errors': [{ code: 'last_admin', title: 'The last admin must stay' }] },
        },
      },
    },
  },
  components: {
    schemas: {
      Change: { type: 'object', properties: { name: { type: 'string', examples: ["O'Hara"] } } },
      Tree: { type: 'object', properties: { below: { type: 'array', items: { $ref: '#/components/schemas/Tree' } } } },
    },
  },
};
const groups = groupsOf(document);
const operation = (id: string): Operation => {
  const found = groups.flatMap((group) => group.operations).find(({ operationId }) => operationId === id);
  if (!found) throw new Error(`no ${id}`);
  return found;
};

describe('the examples', () => {
  it.each(ROUTES.filter((route) => route.body).map((route) => [route.id, route] as const))(
    'give %s a body that the server accepts',
    (_, route) => {
      const { $defs, ...json } = z.toJSONSchema(route.body as z.ZodType, { io: 'input', unrepresentable: 'any' });
      const named = { ...document, components: { schemas: $defs as Record<string, Schema> } };
      expect(route.body?.safeParse(exampleOf(named, json as Schema)).error).toBeUndefined();
    },
  );

  it('end where a schema refers to itself', () => {
    const text = JSON.stringify(exampleOf(document, { $ref: '#/components/schemas/Tree' }));
    expect(text.length).toBeLessThan(200);
  });

  it('make a curl command that a shell reads as it is meant', () => {
    expect(curlOf(document, operation('users.update'), 'http://127.0.0.1:8440')).toBe(
      `curl --request PATCH 'http://127.0.0.1:8440/v1/users/0190b0f3-7c1e-7d52-b0aa-1f2e3d4c5b6a' \\
  --header "Authorization: Bearer $QUORATE_TOKEN" \\
  --header 'Content-Type: application/json' \\
  --data '{
  "name": "O'\\''Hara"
}'`,
    );
  });
});

describe('the groups', () => {
  it('follow the order of the tags and leave empty ones out', () => {
    expect(groups.map(({ name }) => name)).toEqual(['Users', 'Cluster']);
  });

  it('are filtered by every word: path, role, error code, tag', () => {
    const idsFor = (query: string) =>
      filterGroups(groups, query).flatMap((group) => group.operations.map(({ operationId }) => operationId));
    expect(idsFor('')).toHaveLength(2);
    expect(idsFor('LAST_admin')).toEqual(['users.update']);
    expect(idsFor('patch users admin')).toEqual(['users.update']);
    expect(idsFor('cluster /v1/cluster')).toEqual(['cluster.get']);
    expect(idsFor('cluster last_admin')).toEqual([]);
  });
});

describe('a schema in words', () => {
  it('names types, bounds and choices', () => {
    expect(typeWords({ anyOf: [{ type: 'string', format: 'uuid' }, { type: 'null' }] })).toBe('string (uuid) | null');
    expect(typeWords({ type: 'array', items: { $ref: '#/components/schemas/Member' } })).toBe('array of Member');
    expect(typeWords({ type: 'object', additionalProperties: { type: 'integer' } })).toBe('map of integer');
    expect(constraintWords({ type: 'integer', minimum: 1, maximum: 63, default: 1 })).toEqual(['1 to 63', 'default 1']);
    expect(constraintWords({ anyOf: [{ type: 'string', maxLength: 9 }, { type: 'null' }], default: null })).toEqual([
      'at most 9 characters',
      'default null',
    ]);
    expect(choicesOf({ anyOf: [{ enum: ['a', 'b'] }, { type: 'null' }] })).toEqual(['a', 'b']);
  });

  it('finds the fields inside references, arrays and alternatives', () => {
    const schema: Schema = { anyOf: [{ type: 'array', items: { $ref: '#/components/schemas/Change' } }] };
    expect(Object.keys(fieldsInside(document, schema)?.properties ?? {})).toEqual(['name']);
    expect(fieldsInside(document, { type: 'string' })).toBeUndefined();
  });
});
