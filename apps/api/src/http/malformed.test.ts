import { join } from 'node:path';
import { PROBLEM_CONTENT_TYPE } from '@quorate/shared/problem';
import type { RouteDefinition } from '@quorate/shared/route';
import fc from 'fast-check';
import { Agent, request } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { type ApiNode, startApiNode } from '../testing/api-node';

let api: ApiNode;
let token: string;
let socket: Agent;

beforeAll(async () => {
  // A node whose etcd is missing: a token that happens to be well formed must not grow it.
  api = await startApiNode({ settings: { 'raft.binary': '/nonexistent/etcd' } });
  const session = await api.setUp();
  // Sessions may be ended on the way.
  const made = await api.call('POST', '/v1/api-tokens', { token: session, body: { name: 'sender', role: 'admin' } });
  token = made.body.token;
  socket = new Agent({ connect: { socketPath: join(api.directory, 'agent.sock') } });
});
afterAll(async () => {
  await socket?.close();
  await api?.stop();
});

/** Values that have broken servers before: of other types, at the edges of numbers, strings, Unicode and prototypes. */
const NASTY: readonly unknown[] = [
  ...[null, true, 0, -1, 1.5, 64, 2 ** 53, -(2 ** 63), 1e308],
  ...['', ' ', '\0', 'a\0b', '\ud800', '\u202e', 'x'.repeat(5_000), '../../etc/passwd', '%00', "' OR 1=1 --"],
  ...['2026-13-45T99:99:99Z', '0.0.0.0/99', '::/129', '[::1]:99999', 'http://', 'qj_', '__proto__', 'NaN'],
  ...[[], [[]], [null], {}, { a: { b: {} } }, Array(1_000).fill(0), { constructor: { prototype: {} } }],
];
const nasty = fc.oneof(fc.constantFrom(...NASTY), fc.jsonValue({ maxDepth: 3 }), fc.string({ unit: 'binary' }));

const fieldsOf = (schema: z.ZodType | undefined): string[] =>
  schema && 'shape' in schema ? Object.keys(schema.shape as object) : [];

/** Each field of the schema, and one that it does not have, mostly absent or nasty. */
const objects = (schema: z.ZodType | undefined): fc.Arbitrary<Record<string, unknown>> =>
  fc.record(Object.fromEntries([...fieldsOf(schema), 'unknown'].map((field) => [field, nasty])), { requiredKeys: [] });

const bodies = (route: RouteDefinition): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 4, arbitrary: objects(route.body).map((body) => JSON.stringify(body)) },
    { weight: 1, arbitrary: nasty.map((value) => JSON.stringify(value) ?? '') },
    fc.constantFrom(
      '',
      '{',
      '{"a":1',
      '[',
      '"',
      'nul',
      '\ufeff{}',
      '{"__proto__":{"role":"admin"}}',
      '[['.repeat(50_000),
    ),
  );

const words = fc.oneof(
  fc.constantFrom('0', '63', '64', '-1', '1e3', '%00', '%ff', '%', '.', '..', 'x'.repeat(3_000), '%F0%9F%98%80', '"'),
  fc.string({ maxLength: 20 }).map((text) => encodeURIComponent(Buffer.from(text).toString())),
);

const paths = (route: RouteDefinition): fc.Arbitrary<string> => {
  const names = [...route.path.matchAll(/\{(\w+)\}/g)];
  const query = fc.array(fc.tuple(fc.constantFrom(...fieldsOf(route.query), 'consistency', 'other'), words), {
    maxLength: 3,
  });
  return fc
    .tuple(fc.array(words, { minLength: names.length, maxLength: names.length }), query)
    .map(([values, pairs]) => {
      let at = 0;
      const path = route.path.replace(/\{\w+\}/g, () => values[at++] || '0');
      return pairs.length === 0 ? path : `${path}?${pairs.map(([name, value]) => `${name}=${value}`).join('&')}`;
    });
};

const headers = fc.record(
  {
    'content-type': fc.constantFrom(
      'application/json',
      'application/json; charset=utf-16',
      'text/plain',
      'multipart/form-data',
    ),
    'idempotency-key': fc.constantFrom('a', ' ', 'x'.repeat(200), 'k\u00e9'),
    'x-quorate-min-index': fc.constantFrom('1', '-1', '1e9', '9'.repeat(16), ''),
    'if-match': fc.constantFrom('*', '"x"', 'W/"x"', ''),
    'if-none-match': fc.constantFrom('*', ',,,', '"x"'),
    'last-event-id': fc.constantFrom('0', '-1', 'x', '9'.repeat(30)),
    'x-forwarded-for': fc.constantFrom('1.2.3.4', 'not an address', ',,', '::'),
    cookie: fc.constantFrom('quorate_session=', 'quorate_session=a.b.c', ';;;='),
  },
  { requiredKeys: [] },
);

/** These answer without an end, or would end what the rest of the test needs. */
const LEFT_OUT = new Set(['events.stream', 'session.delete']);

const sent = (route: RouteDefinition) => fc.record({ path: paths(route), body: bodies(route), headers });

interface Reply {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

async function send(route: RouteDefinition, given: { path: string; body: string; headers: object }): Promise<Reply> {
  const local = route.access === 'local';
  const isRead = route.method === 'get';
  const answer = await request(`${local ? 'http://local' : api.url}${given.path}`, {
    method: route.method.toUpperCase() as 'GET',
    ...(local ? { dispatcher: socket } : {}),
    headers: {
      ...(local ? {} : { authorization: `Bearer ${token}` }),
      'content-type': 'application/json',
      ...(Object.fromEntries(
        Object.entries(given.headers as Record<string, string>).map(([k, v]) => [k, Buffer.from(v).toString('latin1')]),
      ) as Record<string, string>),
    },
    ...(isRead ? {} : { body: given.body }),
    headersTimeout: 20_000,
  });
  const text = await answer.body.text();
  return { status: answer.statusCode, type: String(answer.headers['content-type'] ?? ''), text };
}

describe('a malformed request', () => {
  it('to any route is answered with what is wrong about it, never with an internal error', async () => {
    for (const { route } of api.node.endpoints) {
      if (LEFT_OUT.has(route.id)) continue;
      await fc.assert(
        fc.asyncProperty(sent(route), async (given) => {
          const reply = await send(route, given);
          expect(reply.status, `${route.id}: ${reply.text}`).not.toBe(500);
          if (reply.status < 400 || route.id.startsWith('health.')) return;
          expect(reply.type, `${route.id}: ${reply.text}`).toBe(PROBLEM_CONTENT_TYPE);
          expect(JSON.parse(reply.text)).toMatchObject({ status: reply.status, detail: expect.stringMatching(/./) });
        }),
        { numRuns: 40 },
      );
    }
    expect(api.fatal).toEqual([]);
    expect((await api.call('GET', '/v1/me', { token })).status).toBe(200);
  }, 120_000);
});
