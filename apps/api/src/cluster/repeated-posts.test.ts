import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { HEADER } from '@quorate/shared/http-headers';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ADMIN, type Answer, type ApiNode, callApi, startApiNode } from '../testing/api-node';
import { startTestCluster, type TestCluster } from '../testing/cluster';
import { until } from '../testing/until';
import { openAgentCaller } from './restore/testing';

interface Case {
  readonly body?: unknown;
  readonly params?: () => Record<string, string | number>;
  readonly query?: string;
  /** The body is a file. */
  readonly file?: () => Uint8Array;
  /** Over the agent socket. */
  readonly local?: true;
  /** Until what goes on afterwards has ended. */
  readonly settled?: () => Promise<boolean>;
}

const SECRETS = { access_key_id: 'key', secret_access_key: 'secret' };
/** A job that no runner takes. */
const NEVER = { kind: 'exec', command: '/bin/true', labels: { zone: 'nowhere' } };
const PASSWORD = 'another long passphrase';

describe('a POST that is repeated under its Idempotency-Key', () => {
  let node: ApiNode;
  let token: string;
  let agent: ReturnType<typeof openAgentCaller>;
  let calls = 0;
  const ids = { webhook: '', target: '', backup: '', job: '', schedule: '', runner: '' };
  const elsewhere = createServer((_request, response) => {
    calls += 1;
    response.writeHead(503).end();
  });
  const url = (): string => `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}`;
  const get = async (path: string) => (await node.call('GET', path, { token })).body;
  const copy = (): string => join(node.directory, 'copy.db');
  const restored = async () => (await get('/v1/cluster/restore')).operation?.state !== 'running';
  const verified = async () => (await get(`/v1/backups/${ids.backup}`)).verification.state !== 'running';

  /** One for each POST; a text says why there is nothing to repeat on a single node. */
  const CASES: Record<string, Case | string> = {
    'users.create': { body: { username: 'eve', password: PASSWORD, role: 'viewer' } },
    'users.reset_admin': { body: { ...ADMIN, password: PASSWORD }, local: true },
    'setup.create': { body: { cluster_name: 'test', ...ADMIN } },
    'session.create': 'signs in again: nothing comes of it but one more session',
    'api_tokens.create': { body: { name: 'ci', role: 'viewer' } },
    'haproxy.check': { body: { config: 'global\n' } },
    'backups.targets.create': { body: { name: 't2', endpoint: 'http://127.0.0.1:1', bucket: 'abc', ...SECRETS } },
    'backups.targets.test': { params: () => ({ id: ids.target }) },
    'backups.create': { body: {} },
    'backups.verify': { params: () => ({ id: ids.backup }), body: {}, settled: () => verified() },
    'restore.upload': { query: '?name=copy.db', file: () => readFileSync(copy()), settled: restored },
    'restore.inspect': { file: () => readFileSync(copy()) },
    'restore.from_backup': { params: () => ({ id: ids.backup }), body: {}, settled: restored },
    'restore.from_file': { local: true, settled: restored },
    'restore.init_from_file': 'only a fresh node takes it',
    'cluster.init': 'grows a node that does not run on Raft yet: done again, there is nothing to do',
    'join_tokens.create': 'makes a cluster of the node: see join-tokens/routes.test.ts',
    'cluster.members.add': 'needs a node that waits: see pairing.test.ts of the end-to-end tests',
    'replicas.check': 'needs other members: see below',
    'cluster.members.drain': 'needs other members: see below',
    'cluster.members.resume': 'needs other members: see below',
    'cluster.leadership.transfer': 'needs other members: see below',
    'failovers.test': 'needs other members: see below',
    'keys.rotate_session_key': { body: {} },
    'keys.rotate_cluster_key': {},
    'keys.rotate_ca': {
      body: {},
      settled: async () => (await get('/v1/cluster/keys')).ca_rotation?.finished_at !== null,
    },
    'keys.continue_ca_rotation': 'there is none that waits: it is one command',
    'snapshots.create': {},
    'ha.update': 'needs three nodes; it is one command',
    'ha.cancel_update': 'there is none that runs: it is one command',
    'services.create': { body: { name: 'web', spec: { command: 'sleep', args: ['1000'] }, replicas: 0 } },
    'services.restart': { body: {} },
    'webhooks.create': { body: { name: 'hook', url: 'http://127.0.0.1:1/' } },
    'webhooks.rotate_secret': { params: () => ({ id: ids.webhook }) },
    'webhooks.test': { params: () => ({ id: ids.webhook }) },
    'webhooks.replay': 'one command',
    'webhooks.replay_all': { params: () => ({ id: ids.webhook }) },
    'jobs.create': { body: { spec: NEVER } },
    'jobs.create_batch': { body: { jobs: [{ spec: NEVER }, { spec: NEVER }] } },
    'jobs.cancel': { params: () => ({ id: ids.job }) },
    'jobs.retry_dead_letters': { body: {} },
    'job_schedules.create': { body: { name: 'hourly', cron: '0 * * * *', spec: NEVER } },
    'job_schedules.enable': { params: () => ({ id: ids.schedule }) },
    'job_schedules.disable': { params: () => ({ id: ids.schedule }) },
    'job_schedules.run': { params: () => ({ id: ids.schedule }) },
    'jobs.retry': { params: () => ({ id: ids.job }) },
    'runners.drain': { params: () => ({ id: ids.runner }) },
    'runners.resume': { params: () => ({ id: ids.runner }) },
    'alarms.clear': 'needs a full etcd: see alarms.test.ts of the end-to-end tests',
  };

  beforeAll(async () => {
    await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve));
    node = await startApiNode({ settings: { 'events.webhook_loopback': 'true' } });
    agent = openAgentCaller(node.directory);
  });
  afterAll(async () => {
    await agent?.close();
    await node?.stop();
    elsewhere.close();
  });

  async function prepare(): Promise<void> {
    // A session would end with the password that is changed below.
    const made = await node.call('POST', '/v1/api-tokens', { token, body: { name: 'tester', role: 'admin' } });
    token = made.body.token;
    const post = async (path: string, body: unknown) => (await node.call('POST', path, { token, body })).body.id;
    ids.webhook = await post('/v1/webhooks', { name: 'pager', url: url(), types: ['user.deleted'] });
    const target = { name: 'offsite', endpoint: url(), bucket: 'backups', ...SECRETS };
    ids.target = await post('/v1/backups/targets', target);
    ids.backup = await post('/v1/backups', {});
    ids.schedule = await post('/v1/job-schedules', { name: 'never', cron: '0 0 1 1 *', spec: NEVER });
    ids.job = await post('/v1/jobs', { spec: NEVER });
    await until(async () => (await get('/v1/runners')).items.length === 1, 'there is a runner');
    ids.runner = (await get('/v1/runners')).items[0].id;
    await until(async () => (await get(`/v1/backups/${ids.backup}`)).state === 'completed', 'there is a backup');
    const state = new Database(join(node.directory, 'state.db'), { readonly: true });
    await state.backup(copy());
    state.close();
  }

  /** What a request can leave behind. */
  async function traces() {
    const audit = (await get('/v1/audit?limit=500')).items as { action: string }[];
    const snapshots = (await get('/v1/snapshots')).items;
    const { epoch } = await get('/v1/cluster');
    return { audit: audit.map(({ action }) => action).sort(), snapshots, epoch, calls };
  }

  async function send(path: string, one: Case, key: string): Promise<Pick<Answer, 'status' | 'body'>> {
    const headers = { [HEADER.idempotencyKey]: key };
    const body = one.body ?? (path.includes('restore-from-db') ? { path: copy() } : undefined);
    if (one.local) return (await agent.call('POST', path, body, headers)) as Answer;
    if (path === '/v1/setup') return node.call('POST', path, { body, headers });
    if (!one.file) return node.call('POST', path, { token, body, headers });
    const type = { 'content-type': 'application/octet-stream' };
    return callApi(node.url, 'POST', path, { token, body: one.file(), headers: { ...headers, ...type } });
  }

  it('is done once, and answers the same again', async () => {
    const posts = node.node.endpoints.map(({ route }) => route).filter(({ method }) => method === 'post');
    expect(Object.keys(CASES).sort()).toEqual(posts.map(({ id }) => id).sort());
    const setUp = posts.find(({ id }) => id === 'setup.create');
    for (const route of [...(setUp ? [setUp] : []), ...posts.filter((one) => one !== setUp)]) {
      const one = CASES[route.id] ?? '';
      if (typeof one === 'string') continue;
      const values = one.params?.() ?? {};
      const path = route.path.replace(/\{(\w+)\}/g, (_, name: string) => String(values[name])) + (one.query ?? '');
      const settle = () => until(async () => (await one.settled?.()) ?? true, `${route.id} is over`, 30_000);
      const callsBefore = calls;
      const first = await send(path, one, `key-of-${route.id}`);
      expect(first.status, `${route.id}: ${JSON.stringify(first.body)}`).toBe(route.status);
      if (route.id.endsWith('.test')) expect(calls, JSON.stringify(first.body)).toBeGreaterThan(callsBefore);
      if (route === setUp) {
        token = await node.signIn(ADMIN.username, ADMIN.password);
        await prepare();
      }
      await settle();
      const before = await traces();
      const again = await send(path, one, `key-of-${route.id}`);
      await settle();
      expect(again.status, `${route.id}: ${JSON.stringify(again.body)}`).toBe(first.status);
      expect([again.body.id, again.body.ids], route.id).toEqual([first.body.id, first.body.ids]);
      expect(await traces(), route.id).toEqual(before);
    }
  }, 60_000);

  it('is refused when it is another request', async () => {
    const headers = { [HEADER.idempotencyKey]: 'key-of-webhooks.test' };
    const other = await node.call('POST', `/v1/backups/targets/${ids.target}/test`, { token, headers });
    expect(other).toMatchObject({ status: 422, body: { code: 'idempotency_key_reused' } });
  });
});

describe('what is repeated on another node', () => {
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await startTestCluster(3);
  }, 60_000);
  afterAll(() => cluster?.stop());

  const post = (index: number, path: string, key: string, body: object = {}): Promise<Answer> =>
    callApi(`http://${cluster.node(index).host}:8440`, 'POST', path, {
      token: cluster.token,
      headers: { [HEADER.idempotencyKey]: key },
      body,
    });

  it.each(['/v1/cluster/failovers', '/v1/cluster/leadership', '/v1/cluster/replicas'])(
    'POST %s is done once, also while it goes on',
    async (path) => {
      const changes = async (): Promise<{ to: number }[]> =>
        (await cluster.node(0).call('GET', '/v1/cluster/failovers')).body.items;
      const before = (await changes()).length;
      const both = await Promise.all([post(0, path, `one-${path}`), post(1, path, `one-${path}`)]);
      const third = await post(2, path, `one-${path}`);
      for (const answer of [...both, third]) {
        expect(answer.status, answer.text).toBe(third.status);
        expect(answer.body).toEqual(third.body);
      }
      if (!('to' in third.body)) return;
      await until(async () => (await changes())[0]?.to === third.body.to, 'the change is recorded');
      expect((await changes()).length).toBe(before + 1);
    },
  );

  it('POST /v1/jobs/batch submits once, with the same ids', async () => {
    const body = { jobs: [{ spec: NEVER }, { spec: NEVER, priority: 1 }] };
    const answers = [];
    for (const index of [0, 1, 2]) answers.push(await post(index, '/v1/jobs/batch', 'one-batch', body));
    const [first, ...again] = answers;
    expect(first, first?.text).toMatchObject({ status: 202, body: { ids: { length: 2 } } });
    for (const answer of again) expect(answer.body).toEqual(first?.body);
    expect((await cluster.node(2).call('GET', '/v1/jobs/summary')).body.counts.queued).toBe(2);
  });
});
