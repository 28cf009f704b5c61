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

describe('the OpenAPI document', () => {
  it('is version 3.1 with every route of the node', () => {
    expect(document.openapi).toMatch(/^3\.1\./);
    for (const { route } of api.node.endpoints) {
      const operation = document.paths[route.path]?.[route.method];
      expect(operation?.operationId, route.id).toBe(route.id);
      expect(Object.keys(operation.responses), route.id).toContain(String(route.status));
      expect(operation.requestBody !== undefined, route.id).toBe(route.body !== undefined);
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
