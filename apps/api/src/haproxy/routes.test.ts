import { BlockList } from 'node:net';
import { haproxyRoutes, haproxySettingsSchema } from '@quorate/shared/haproxy';
import { problemSchema } from '@quorate/shared/problem';
import type { Principal } from '@quorate/shared/session';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { z } from 'zod';
import { createRegistry } from '../commands/define-command';
import { createApp } from '../http/app';
import { silentLogger } from '../lib/logger';
import { type Replica, startReplica } from '../testing/replica';
import { createHaproxyCommands, KEPT_REVISIONS, recordRevision } from './commands';
import { type HaproxySource, planRevision, REPLICA_REVISION_MS, savedSettings } from './current';
import type { HaproxyNode, HaproxyReplica } from './model';
import { haproxyEndpoints } from './routes';

let replica: Replica;
let nodes: HaproxyNode[];
let replicas: HaproxyReplica[];
let now: number;
let name: string;
let app: { request(path: string, init?: RequestInit): Promise<Response> };
let ports: Record<string, string>;
const source: HaproxySource = {
  ...{ clusterName: () => name, nodes: () => nodes, replicas: () => replicas },
  publishedPort: (_db, service) => ports[service],
};
const haproxyCommands = createHaproxyCommands(source);
const principal = { kind: 'user', id: 'u1', name: 'alice', role: 'operator' } as Principal;

beforeEach(async () => {
  name = 'test';
  now = Date.now();
  replicas = [];
  ports = { web: 'http' };
  nodes = [{ id: 1, name: 'n1', host: '10.0.0.1', port: 8440, tls: false, state: 'ready' }];
  replica = await startReplica({ log: 'local', registry: createRegistry(haproxyCommands.all) });
  const created = createApp({
    endpoints: haproxyEndpoints(source, haproxyCommands, () => now),
    authenticate: async () => principal,
    store: replica.store,
    applier: replica.applier,
    proposer: replica.proposer,
    barrier: replica.barrier,
    nodeId: () => 1,
    deriveKey: () => Buffer.alloc(32),
    trustedProxies: new BlockList(),
    logger: silentLogger(),
  });
  app = { request: async (path, init) => created.request(path, init, { incoming: undefined }) };
});
afterEach(() => replica.stop());

function put(body: unknown, headers: Record<string, string> = {}) {
  return app.request('/v1/haproxy/settings', {
    method: 'PUT',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json', ...headers },
  });
}

/** The JSON of an answer, as the contract says it is. */
async function json<T>(answer: Response | Promise<Response>, schema: z.ZodType<T>): Promise<T> {
  return schema.parse(await (await answer).json());
}
const revisions = (query = '') => json(app.request(`/v1/haproxy/revisions${query}`), haproxyRoutes.revisions.response);
const revision = (number: number) =>
  json(app.request(`/v1/haproxy/revisions/${number}`), haproxyRoutes.revision.response);

test('the configuration has an ETag that answers 304 until the membership changes', async () => {
  const first = await app.request('/v1/haproxy/config');
  expect(first.headers.get('content-type')).toBe('text/plain; charset=utf-8');
  expect(await first.text()).toContain('server node-1 10.0.0.1:8440 id 1');
  const etag = first.headers.get('etag') ?? '';
  const again = () => app.request('/v1/haproxy/config', { headers: { 'if-none-match': `"x", ${etag}` } });
  expect((await again()).status).toBe(304);
  nodes.push({ id: 2, name: 'n2', host: '10.0.0.2', port: 8440, tls: false, state: 'ready' });
  expect((await again()).status).toBe(200);
  expect(await (await app.request('/v1/haproxy/config?version=3.2')).text()).toContain('made for HAProxy 3.2');
});

test('settings are replaced under If-Match, and the loser of a race is told', async () => {
  const read = await app.request('/v1/haproxy/settings');
  const etag = read.headers.get('etag') ?? '';
  const settings = await json(read, haproxySettingsSchema);
  expect(settings).toEqual(haproxySettingsSchema.parse({}));
  const won = await put({ ...settings, balance: 'roundrobin' }, { 'if-match': etag });
  expect(won.status).toBe(200);
  expect(won.headers.get('etag')).not.toBe(etag);
  const lost = await put({ ...settings, balance: 'first' }, { 'if-match': etag });
  expect(lost.status).toBe(412);
  expect(await json(lost, problemSchema)).toMatchObject({ code: 'precondition_failed' });
  expect(await json(app.request('/v1/haproxy/settings'), haproxySettingsSchema)).toMatchObject({
    balance: 'roundrobin',
  });
});

test('what was saved stands, even where it equals the defaults: another version may have others', async () => {
  const before = (await app.request('/v1/haproxy/settings')).headers.get('etag') ?? '';
  expect(savedSettings(replica.store.db)).toBeUndefined();
  expect((await put({}, { 'if-match': before })).status).toBe(200);
  expect(JSON.parse(savedSettings(replica.store.db) ?? '{}')).toEqual(haproxySettingsSchema.parse({}));
  expect((await put({}, { 'if-match': before })).status).toBe(412);
});

test('a new name of the cluster is no change of the membership', async () => {
  await put({});
  name = 'renamed';
  expect(planRevision(replica.store.db, source, now)?.reason).toBe('the comments changed');
  nodes.push({ id: 2, name: 'n2', host: '10.0.0.2', port: 8440, tls: false, state: 'ready' });
  expect(planRevision(replica.store.db, source, now)?.reason).toBe('the membership changed');
});

test('what is published must be there and have a port; what is removed later stays, and is said to be gone', async () => {
  const publish = (...services: string[]) =>
    put({ services: services.map((service, n) => ({ service, bind: `*:${8080 + n}` })) });
  const refusal = (answer: Response) => json(answer, problemSchema);
  ports = { web: 'http', silent: '' };
  expect(await refusal(await publish('web', 'nope'))).toMatchObject({
    ...{ status: 404, code: 'not_found', detail: 'there is no service nope; see GET /v1/services' },
    errors: [{ pointer: '/services/1/service' }],
  });
  expect(await refusal(await publish('silent'))).toMatchObject({
    ...{ status: 409, code: 'conflict', detail: expect.stringMatching(/^the service silent publishes no port; /) },
  });
  expect(savedSettings(replica.store.db)).toBeUndefined();
  expect((await publish('web')).status).toBe(200);
  ports = { api: 'http' };
  expect(await (await app.request('/v1/haproxy/config')).text()).toMatch(/WARNING: there is no service web any more/);
  expect((await publish('web', 'api')).status).toBe(200);
  expect((await publish('api')).status).toBe(200);
  expect((await publish('api', 'web')).status).toBe(404);
});

test('bad settings name the field', async () => {
  const answer = await put({ tls: 'terminate', bind: ':0' });
  expect(answer.status).toBe(422);
  const pointers = (await json(answer, problemSchema)).errors?.map((error) => error.pointer);
  expect(pointers).toContain('/bind');
  const together = await put({ tls: 'terminate' });
  expect((await json(together, problemSchema)).errors?.[0]?.pointer).toBe('/certificate_path');
});

test('a revision is recorded when the text changes, with why and the difference', async () => {
  await put({});
  await put({});
  await put({ balance: 'roundrobin' });
  nodes.push({ id: 2, name: 'n2', host: '10.0.0.2', port: 8440, tls: false, state: 'ready' });
  const planned = planRevision(replica.store.db, source, now);
  if (!planned) throw new Error('the membership changed, but no revision is planned');
  // Two nodes notice at once.
  await replica.propose(recordRevision, planned);
  await replica.propose(recordRevision, planned);
  expect(planRevision(replica.store.db, source, now)).toBeNull();

  const { items } = await revisions();
  expect(items.map((item) => `${item.revision} ${item.reason}`)).toEqual([
    '3 the membership changed',
    '2 the settings changed',
    '1 the first configuration',
  ]);
  const second = await revision(2);
  expect(second.diff).toContain('-    balance leastconn\n+    balance roundrobin\n');
  expect((await revision(1)).diff).toBe('');
  expect((await app.request('/v1/haproxy/revisions/9')).status).toBe(404);

  const page = await revisions('?limit=2');
  const rest = await revisions(`?limit=2&cursor=${page.next_cursor}`);
  expect(rest.items.map((item) => item.revision)).toEqual([1]);
});

test('only the last revisions are kept', async () => {
  for (let count = 1; count <= KEPT_REVISIONS + 5; count += 1) {
    const input = { config: `# ${count}\n`, version: '2.6' as const, servers: 1, settingsEtag: '""', reason: 'test' };
    await replica.propose(recordRevision, input);
  }
  const { items } = await revisions('?limit=500');
  expect(items).toHaveLength(KEPT_REVISIONS);
  expect(items[0]?.revision).toBe(KEPT_REVISIONS + 5);
});

test('a pasted configuration of the greatest size is checked', async () => {
  const check = (config: string) =>
    app.request('/v1/haproxy/check', {
      method: 'POST',
      body: JSON.stringify({ config }),
      headers: { 'content-type': 'application/json' },
    });
  const answer = await check('listen a\n    option httpclose\n');
  expect(await answer.json()).toMatchObject({ version: '2.6', ok: true });
  expect((await check('# "quoted"\n'.repeat(23_000))).status).toBe(200);
  expect((await check('x'.repeat(262_145))).status).toBe(422);
});

test('replicas that come and go do not flood the revisions, and are served at once', async () => {
  const recorded = async () => (await revisions()).items.map((item) => item.reason);
  const record = async () => {
    const planned = planRevision(replica.store.db, source, now);
    const actor = { kind: 'node', id: 'system', name: 'system' } as const;
    if (planned) await replica.proposer.propose(recordRevision, planned, { actor, id: `${now} ${nodes.length}` });
  };
  const slot: HaproxyReplica = {
    service: 'web',
    slot: 0,
    address: '10.0.0.7',
    port: 31_000,
    healthy: true,
    draining: false,
  };
  await put({ services: [{ service: 'web', bind: '*:8080' }] });
  expect(await recorded()).toHaveLength(1);
  const [{ created_at: at = '' } = {}] = (await revisions()).items;
  now = Date.parse(at);
  for (let second = 1; second < 60; second += 1) {
    now += 1_000;
    replicas = [{ ...slot, healthy: second % 2 === 0 }];
    await record();
    const text = await (await app.request('/v1/haproxy/config')).text();
    expect(text).toContain(`server web-0 10.0.0.7:31000 id 1${second % 2 === 0 ? '' : ' disabled'}\n`);
  }
  expect(await recorded()).toHaveLength(1);
  // What changes for good is written down, a little later.
  now = Date.parse(at) + REPLICA_REVISION_MS;
  await record();
  expect(await recorded()).toEqual(['replicas of services changed', expect.any(String)]);
  // The membership does not wait.
  nodes.push({ id: 2, name: 'n2', host: '10.0.0.2', port: 8440, tls: false, state: 'ready' });
  await record();
  expect((await recorded())[0]).toBe('the membership changed');
});
