import { ERROR_CODES, type ErrorCode } from '@quorate/shared/error-codes';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiNode, startApiNode } from '../testing/api-node';

// biome-ignore lint/suspicious/noExplicitAny: a document of many shapes.
type Json = any;

let api: ApiNode;
let document: Json;
beforeAll(async () => {
  api = await startApiNode();
  document = (await api.call('GET', '/openapi.json')).body;
});
afterAll(() => api?.stop());

function refsOf(value: Json, found: string[] = []): string[] {
  if (Array.isArray(value)) for (const item of value) refsOf(item, found);
  else if (value && typeof value === 'object') {
    if (typeof value.$ref === 'string') found.push(value.$ref);
    for (const item of Object.values(value)) refsOf(item, found);
  }
  return found;
}

function resolve(ref: string): Json {
  const parts = ref.replace(/^#\//, '').split('/');
  return parts.reduce((value: Json, part) => value?.[part.replaceAll('~1', '/').replaceAll('~0', '~')], document);
}

const operations = (): { path: string; operation: Json }[] =>
  Object.entries<Json>(document.paths).flatMap(([path, methods]) =>
    Object.values<Json>(methods).map((operation) => ({ path, operation })),
  );

function bodyOf(operation: Json): Json {
  const schema = operation.requestBody?.content['application/json']?.schema;
  return schema?.$ref ? resolve(schema.$ref) : schema;
}

describe('the OpenAPI document', () => {
  it('is version 3.1 with every route of the node', () => {
    expect(document.openapi).toMatch(/^3\.1\./);
    for (const { route } of api.node.endpoints) {
      const operation = document.paths[route.path]?.[route.method];
      expect(operation?.operationId, route.id).toBe(route.id);
      expect(Object.keys(operation.responses), route.id).toContain(String(route.status));
      expect(operation.requestBody !== undefined, route.id).toBe(route.body !== undefined || route.upload);
      expect(operation['x-quorate-access'], route.id).toBe(route.access);
    }
  });

  it('keeps the rules of OpenAPI 3.1', () => {
    expect(document.info).toMatchObject({ title: expect.any(String), version: expect.any(String) });
    const tags = document.tags.map((tag: Json) => tag.name);
    expect(new Set(tags).size).toBe(tags.length);
    for (const name of Object.keys(document.components.schemas)) expect(name).toMatch(/^[A-Z][a-zA-Z0-9._-]*$/);
    const ids = operations().map(({ operation }) => operation.operationId);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { path, operation } of operations()) {
      const id = operation.operationId;
      expect(path, id).toMatch(/^\//);
      expect(tags, id).toEqual(expect.arrayContaining(operation.tags));
      for (const scheme of (operation.security ?? document.security).flatMap(Object.keys)) {
        expect(document.components.securitySchemes, id).toHaveProperty(scheme);
      }
      const places = operation.parameters.map((parameter: Json) => `${parameter.in} ${parameter.name.toLowerCase()}`);
      expect(new Set(places).size, id).toBe(places.length);
      for (const parameter of operation.parameters) {
        expect(['path', 'query', 'header'], id).toContain(parameter.in);
        expect(parameter.schema, `${id} ${parameter.name}`).toBeTypeOf('object');
      }
      for (const [status, response] of Object.entries<Json>(operation.responses)) {
        expect(status, id).toMatch(/^[1-5]\d\d$/);
        expect(response.description, `${id} ${status}`).not.toBe('');
      }
    }
  });

  it('says what every value of a request is', () => {
    const isTyped = (schema: Json): boolean =>
      ['type', 'anyOf', 'oneOf', 'enum', 'const', '$ref'].some((keyword) => keyword in schema);
    for (const { operation } of operations()) {
      for (const parameter of operation.parameters) {
        expect(isTyped(parameter.schema), `${operation.operationId} ${parameter.name}`).toBe(true);
      }
      const body = bodyOf(operation);
      for (const [name, property] of Object.entries<Json>(body?.properties ?? {})) {
        expect(isTyped(property), `${operation.operationId} ${name}`).toBe(true);
      }
    }
  });

  it('asks for a body, and for its fields, only where the server does', async () => {
    const byId = (id: string): Json => operations().find(({ operation }) => operation.operationId === id)?.operation;
    const mint = byId('join_tokens.create');
    expect(mint.requestBody.required).toBe(false);
    expect(bodyOf(mint).required ?? []).toEqual([]);
    expect(byId('session.create').requestBody.required).toBe(true);
    expect(bodyOf(byId('session.create')).required).toEqual(['username', 'password']);
    expect(bodyOf(byId('users.create'))).toMatchObject({ additionalProperties: false });
    // What is accepted has defaults, what is answered has every field.
    expect(bodyOf(byId('haproxy.settings.put')).required ?? []).toEqual([]);
    expect(bodyOf(byId('haproxy.settings.put'))).toMatchObject({ type: 'object', additionalProperties: false });
    expect(document.components.schemas.HaproxySettings.required).toContain('version');
    expect(document.components.schemas.HaproxySettings).not.toHaveProperty('additionalProperties');
  });

  it('names each error code once, under its status, with its title', () => {
    for (const { operation } of operations()) {
      const codes = Object.entries<Json>(operation.responses).flatMap(([status, response]) =>
        (response['x-quorate-errors'] ?? []).map((error: Json) => ({ ...error, status: Number(status) })),
      );
      expect(codes.length, operation.operationId).toBeGreaterThan(0);
      expect(new Set(codes.map(({ code }) => code)).size, operation.operationId).toBe(codes.length);
      for (const { code, title, status } of codes) expect({ status, title }).toEqual(ERROR_CODES[code as ErrorCode]);
    }
  });

  it('resolves every reference inside itself', () => {
    const refs = new Set(refsOf(document));
    expect(refs.size).toBeGreaterThan(5);
    for (const ref of refs) expect(resolve(ref), ref).toBeTypeOf('object');
    expect(JSON.stringify(document)).not.toContain('#/$defs/');
  });

  it('declares every path parameter, required', () => {
    for (const [path, operations] of Object.entries<Json>(document.paths)) {
      const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      for (const operation of Object.values<Json>(operations)) {
        const declared = operation.parameters.filter((parameter: Json) => parameter.in === 'path');
        expect(
          declared.map((parameter: Json) => parameter.name),
          path,
        ).toEqual(names);
        for (const parameter of declared) expect(parameter.required, path).toBe(true);
      }
    }
  });

  it('describes real answers: the document of an error, and the setup state', async () => {
    const problem = await api.call('GET', '/v1/me');
    const schema = document.components.schemas.Problem;
    for (const key of schema.required) expect(problem.body).toHaveProperty(key);
    for (const key of Object.keys(problem.body)) expect(schema.properties).toHaveProperty(key);
    const setup = await api.call('GET', '/v1/setup');
    const answer = document.paths['/v1/setup'].get.responses['200'].content['application/json'].schema;
    const state = answer.$ref ? resolve(answer.$ref) : answer;
    expect(Object.keys(setup.body).sort()).toEqual([...state.required].sort());
  });
});
