import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createEventBus } from '../../events/bus';
import { createEventLog } from '../../events/event-log';
import { createLocalEvents } from '../../events/local-events';
import { lastEventSeq } from '../../events/queries';
import { systemClock } from '../../lib/clock';
import { silentLogger } from '../../lib/logger';
import { startReconciler } from '../../reconcile/driver';
import { commandRegistry } from '../../registry';
import { createMemoryLog } from '../../replication/memory-log';
import { type ApiNode, startApiNode } from '../../testing/api-node';
import { startReplica } from '../../testing/replica';
import { until } from '../../testing/until';
import { createApiToken } from '../api-tokens/commands';
import { refusalOf } from './address-guard';
import { createWebhook } from './commands';
import { createWebhookDelivery } from './delivery';
import { createWebhookSender } from './sender';

interface Got {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

/** A real receiver; `answer` gives the status of the n-th request, 0 = none at all. */
async function startReceiver(answer: (n: number) => number = () => 204) {
  const got: Got[] = [];
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const status = answer(got.length);
      if (status !== 0) got.push({ headers: request.headers, body: Buffer.concat(chunks).toString() });
      if (status >= 300 && status < 400) response.setHeader('location', '/elsewhere');
      if (status === 0) request.socket.destroy();
      else response.writeHead(status).end('x'.repeat(100));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanUps.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { got, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook` };
}

/** As the documentation tells receivers to do it. */
function isGenuine(secret: string, { headers, body }: Got): boolean {
  const key = Buffer.from(secret.replace('whsec_', ''), 'base64');
  const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
  const expected = Buffer.from(`v1,${createHmac('sha256', key).update(signed).digest('base64')}`);
  const given = Buffer.from(String(headers['webhook-signature']));
  return given.length === expected.length && timingSafeEqual(given, expected);
}

const typesOf = (got: readonly Got[]): string[] => got.map(({ body }) => (JSON.parse(body) as { type: string }).type);

async function startApi(settings: Record<string, string> = { 'events.webhook_loopback': 'true' }) {
  const api = await startApiNode({ settings });
  cleanUps.push(() => api.stop());
  return { api, token: await api.setUp() };
}

const makeToken = (api: ApiNode, token: string, name: string) =>
  api.call('POST', '/v1/api-tokens', { token, body: { name, role: 'viewer' } });

describe('webhooks over the API', () => {
  it('get the events they want, in order, signed by a secret that is shown once', async () => {
    const { api, token } = await startApi();
    const receiver = await startReceiver();
    await makeToken(api, token, 'before');
    const body = { name: 'pager', url: receiver.url, types: ['api_token.*'] };
    const made = await api.call('POST', '/v1/webhooks', { token, body });
    expect(made.status, made.text).toBe(201);
    const { id, secret } = made.body as { id: string; secret: string };
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    for (const name of ['one', 'two', 'three']) await makeToken(api, token, name);
    await until(() => receiver.got.length >= 3, 'the events arrive');
    expect(typesOf(receiver.got)).toEqual(['api_token.created', 'api_token.created', 'api_token.created']);
    expect(receiver.got.map(({ body: text }) => /token (\w+) /.exec(text)?.[1])).toEqual(['one', 'two', 'three']);
    expect(receiver.got.every((one) => isGenuine(secret, one))).toBe(true);
    expect(isGenuine(secret, { ...(receiver.got[0] as Got), body: '{}' })).toBe(false);

    await until(async () => {
      const { body: hook } = await api.call('GET', `/v1/webhooks/${id}`, { token });
      return hook.waiting === 0;
    }, 'the deliveries are on record');
    const deliveries = await api.call('GET', `/v1/webhooks/${id}/deliveries?limit=2`, { token });
    expect(deliveries.body.items).toMatchObject([{ state: 'delivered', http_status: 204, attempts: 1 }, {}]);
    expect(deliveries.body.next_cursor).not.toBeNull();
    const all = await api.call('GET', '/v1/webhooks', { token });
    expect(all.text).not.toContain(secret);
    expect(all.body.items).toMatchObject([{ name: 'pager', dead_letters: 0, failing_since: null }]);

    const rotated = await api.call('POST', `/v1/webhooks/${id}/secret`, { token });
    expect(rotated.body.secret).not.toBe(secret);
    const test = await api.call('POST', `/v1/webhooks/${id}/test`, { token });
    expect(test.body).toMatchObject({ delivered: true, http_status: 204, error: '' });
    expect(isGenuine(rotated.body.secret, receiver.got.at(-1) as Got)).toBe(true);
  });

  it('name what is wrong, and are for admins', async () => {
    const { api, token } = await startApi();
    const create = (body: object) => api.call('POST', '/v1/webhooks', { token, body });
    const good = { name: 'a', url: 'https://example.com/x' };
    for (const [wrong, pointer] of [
      [{ ...good, url: 'ftp://example.com' }, '/url'],
      [{ ...good, url: 'https://user:pw@example.com' }, '/url'],
      [{ ...good, types: ['member.exploded'] }, '/types/0'],
    ] as const) {
      const answer = await create(wrong);
      expect(answer.status, answer.text).toBe(422);
      expect(answer.body.errors[0].pointer).toBe(pointer);
    }
    expect((await create({ ...good, enabled: false })).status).toBe(201);
    expect(await create(good)).toMatchObject({ status: 409, body: { code: 'name_taken' } });
    const unknown = '00000000-0000-7000-8000-000000000000';
    for (const [method, path] of [
      ['GET', ''],
      ['DELETE', ''],
      ['POST', '/test'],
      ['POST', '/replay'],
      ['GET', '/deliveries'],
    ]) {
      const answer = await api.call(method as string, `/v1/webhooks/${unknown}${path}`, { token });
      expect(answer, `${method} ${path}`).toMatchObject({ status: 404, body: { code: 'not_found' } });
    }
    const viewer = await api.createUser(token, 'eve', 'operator');
    expect((await api.call('GET', '/v1/webhooks', { token: viewer.token })).status).toBe(403);
  });

  it('reach no loopback address unless the configuration allows it', async () => {
    const { api, token } = await startApi({});
    const receiver = await startReceiver();
    const hosts = [
      receiver.url,
      receiver.url.replace('127.0.0.1', 'localhost'),
      receiver.url.replace('127.0.0.1', '[::ffff:7f00:1]'),
    ];
    for (const [n, url] of hosts.entries()) {
      const made = await api.call('POST', '/v1/webhooks', { token, body: { name: `h${n}`, url, enabled: false } });
      const test = await api.call('POST', `/v1/webhooks/${made.body.id}/test`, { token });
      expect(test.body, url).toMatchObject({ delivered: false, http_status: null });
      expect(test.body.error, url).toMatch(/loopback/);
    }
    expect(receiver.got).toEqual([]);
  });
});

it('refuses addresses that are no targets, in every spelling', () => {
  const refused = [
    '169.254.169.254',
    '0.0.0.0',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    'fe80::1',
    'ff02::1',
    'fd00:ec2::254',
  ];
  for (const address of [...refused, '::ffff:169.254.169.254', '64:ff9b::a9fe:a9fe', '::a9fe:a9fe'])
    expect(refusalOf(address, true), address).toBeDefined();
  for (const address of ['127.0.0.1', '127.1.2.3', '::1', '::ffff:127.0.0.1']) {
    expect(refusalOf(address, false), address).toBeDefined();
    expect(refusalOf(address, true), address).toBeUndefined();
  }
  for (const address of ['10.0.0.1', '192.168.1.1', '203.0.113.7', '2001:db8::1', 'fd12::1'])
    expect(refusalOf(address, false), address).toBeUndefined();
});

describe('delivery', () => {
  const HOOK = '00000000-0000-7000-8000-000000000001';

  /** One replica and as many would-be leaders as asked for; `leads` says which of them leads. */
  async function startDelivery(url: string, options: { giveUpMs?: number } = {}) {
    const replica = await startReplica({ log: createMemoryLog(), registry: commandRegistry });
    cleanUps.push(() => replica.stop());
    const logger = silentLogger();
    const db = () => replica.store.db;
    const local = createLocalEvents({
      ...{ file: undefined, nodeId: 1, clock: systemClock, logger },
      ...{ lastSeq: () => lastEventSeq(db()), appliedIndex: () => 0, term: () => null },
    });
    const eventLog = createEventLog({ db, local, termAt: () => null });
    const bus = createEventBus(replica.applier, logger);
    let leader = 0;
    const start = (me: number) => {
      const sender = createWebhookSender({ version: 'test', allowLoopback: true });
      const delivery = createWebhookDelivery({
        ...{ db, eventLog, proposer: replica.proposer, sender, clock: systemClock, logger, retryMs: 20, ...options },
        isLeader: () => leader === me,
        openSecret: async () => 'whsec_c2VjcmV0',
        onOutcome: () => {},
      });
      const reconciler = startReconciler(delivery, logger);
      const stopListening = bus.subscribe(reconciler.trigger);
      cleanUps.push(async () => {
        stopListening();
        await Promise.all([reconciler.stop(), delivery.stop(), sender.close()]);
      });
    };
    start(0);
    start(1);
    const hook = { id: HOOK, name: 'hook', url, types: ['api_token.*'], enabled: true, secretJwe: 'jwe' };
    await replica.propose(createWebhook, hook);
    let tokens = 0;
    const happen = async (count: number) => {
      for (let n = 0; n < count; n += 1) {
        const id = `00000000-0000-7000-8000-${String(++tokens).padStart(12, '0')}`;
        const token = { id, name: `t${tokens}`, role: 'viewer' as const, hint: 'qa_' };
        await replica.propose(createApiToken, { ...token, hash: String(tokens).padStart(64, '0'), ttlMs: null });
      }
    };
    const row = () =>
      replica.store.db.$client.prepare('SELECT * FROM webhooks').get() as {
        cursor: number;
        failing_since: number | null;
      };
    const letters = (state: string) =>
      replica.store.db.$client.prepare('SELECT * FROM webhook_deliveries WHERE state = ?').all(state) as {
        attempts: number;
        error: string;
      }[];
    const lead = (next: number) => {
      leader = next;
    };
    const events = () => replica.store.db.$client.prepare("SELECT type FROM events WHERE type LIKE 'webhook.%'").all();
    return { replica, happen, row, letters, lead, events };
  }

  it('tries again until the receiver takes it, and keeps the order', async () => {
    const receiver = await startReceiver((n) => (n < 3 ? [500, 302, 0][n] || 503 : 200));
    const { happen, letters, row, events } = await startDelivery(receiver.url);
    await happen(3);
    await until(() => letters('delivered').length === 3, 'everything is delivered');
    expect(letters('dead')).toEqual([]);
    expect(Math.max(...letters('delivered').map(({ attempts }) => attempts))).toBeGreaterThan(3);
    const names = receiver.got.map(({ body }) => /token (t\d+) /.exec(body)?.[1]);
    expect(names).toEqual([...names].sort());
    expect(new Set(names).size).toBe(3);
    expect(row().failing_since).toBeNull();
    expect(events()).toEqual([{ type: 'webhook.created' }, { type: 'webhook.failing' }, { type: 'webhook.recovered' }]);
  });

  it('gives up what is too old, keeps it as a dead letter and delivers it when it is replayed', async () => {
    let broken = true;
    const receiver = await startReceiver(() => (broken ? 500 : 200));
    const { replica, happen, letters, row } = await startDelivery(receiver.url, { giveUpMs: 100 });
    await happen(2);
    await until(() => letters('dead').length === 2, 'both are dead');
    expect(letters('dead')[0]).toMatchObject({ error: 'HTTP 500' });
    expect(row().failing_since).not.toBeNull();
    broken = false;
    const { replayDeliveries } = await import('./commands');
    const { result } = await replica.propose(replayDeliveries, { id: HOOK, seq: null });
    expect(result).toEqual({ replayed: 2 });
    await until(() => letters('delivered').length === 2, 'both are delivered');
    expect(row().failing_since).toBeNull();
  });

  it('loses nothing when leadership moves again and again', async () => {
    const receiver = await startReceiver((n) => (n % 7 === 3 ? 500 : 200));
    const { happen, lead, row, letters, replica } = await startDelivery(receiver.url);
    for (let n = 0; n < 8; n += 1) {
      await happen(10);
      lead(n % 2 === 0 ? 1 : 0);
    }
    await until(
      () => row().cursor >= lastEventSeq(replica.store.db) - 3 && letters('delivered').length >= 80,
      'all are delivered',
    );
    const names = new Set(receiver.got.map(({ body }) => /token (t\d+) /.exec(body)?.[1]));
    expect(names.size).toBe(80);
  });
});
