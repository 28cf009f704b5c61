import { HEADER } from '@quorate/shared/http-headers';
import { ROLES, type Role, type RouteDefinition } from '@quorate/shared/route';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, type ApiNode, startApiNode } from '../testing/api-node';

let api: ApiNode;
const tokens = new Map<Role, string>();

beforeAll(async () => {
  api = await startApiNode();
  const admin = await api.setUp();
  tokens.set('admin', admin);
  for (const role of ROLES) {
    const made = await api.call('POST', '/v1/api-tokens', { token: admin, body: { name: role, role } });
    tokens.set(role, made.body.token);
  }
});
afterAll(() => api?.stop());

const pathOf = (route: RouteDefinition): string =>
  route.path.replace('{id}', route.path.includes('members') ? '63' : '00000000-0000-7000-8000-000000000000');

/** A request that is refused before its input matters: the body is not even JSON. */
function send(route: RouteDefinition, token?: string): Promise<Answer> {
  const isRead = route.method === 'get';
  return api.call(route.method.toUpperCase(), pathOf(route), { token, ...(isRead ? {} : { body: '{' }) });
}
/** Answers of the guards; anything else means that the request got past them. */
const refusedByGuard = (answer: Answer): string | undefined =>
  ['unauthenticated', 'forbidden'].find((code) => code === answer.body.code);

describe('every route asks for its role', () => {
  it('covers all routes of the node, each with a known access', () => {
    const routes = api.node.endpoints.map((item) => item.route);
    expect(routes.length).toBeGreaterThan(25);
    expect(new Set(routes.map((route) => route.id)).size).toBe(routes.length);
    expect(new Set(routes.map((route) => `${route.method} ${route.path}`)).size).toBe(routes.length);
    for (const { access, id } of routes) expect(['public', 'local', ...ROLES], id).toContain(access);
    const open = routes.filter((route) => route.access === 'public').map((route) => route.id);
    expect(open.sort()).toEqual([
      'health.leader',
      'health.live',
      'health.metrics',
      'health.ready',
      'session.create',
      'setup.create',
      'setup.get',
    ]);
  });

  it('refuses callers without credentials', async () => {
    for (const { route } of api.node.endpoints) {
      if (route.access === 'public' || route.access === 'local') continue;
      const answer = await send(route);
      expect([answer.status, answer.body.code], route.id).toEqual([401, 'unauthenticated']);
      expect(answer.headers.get(HEADER.index), route.id).toBeNull();
    }
  });

  it('refuses every role below the needed one, and lets that one pass the guard', async () => {
    for (const { route } of api.node.endpoints) {
      const needed = ROLES.indexOf(route.access as Role);
      if (needed < 0 || route.contentType === 'text/event-stream') continue;
      for (const role of ROLES) {
        const answer = await send(route, tokens.get(role));
        const expected = ROLES.indexOf(role) < needed ? 'forbidden' : undefined;
        expect(refusedByGuard(answer), `${route.id} as ${role}: ${answer.status}`).toBe(expected);
        if (expected) expect(answer.status, route.id).toBe(403);
      }
    }
  });

  it('does not have the local routes on the public listener', async () => {
    const local = api.node.endpoints.filter((item) => item.route.access === 'local');
    expect(local.length).toBeGreaterThan(0);
    for (const { route } of local) {
      const answer = await send(route, tokens.get('admin'));
      expect([404, 405], route.id).toContain(answer.status);
    }
  });

  it('gives metrics to loopback and to API tokens, not to others', async () => {
    const proxied = { 'x-forwarded-for': '203.0.113.9' };
    expect((await api.call('GET', '/metrics')).text).toContain('quorate_applied_index');
    expect((await api.call('GET', '/metrics', { headers: proxied })).status).toBe(401);
    expect((await api.call('GET', '/metrics', { headers: proxied, token: tokens.get('viewer') })).status).toBe(200);
  });
});
