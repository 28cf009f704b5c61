import { BlockList } from 'node:net';
import { type BalancerReport, balancerRoutes } from '@quorate/shared/haproxy-balancers';
import { problemSchema } from '@quorate/shared/problem';
import type { Principal } from '@quorate/shared/session';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createRegistry } from '../../commands/define-command';
import { createApp } from '../../http/app';
import { sha256Hex } from '../../lib/hash';
import { silentLogger } from '../../lib/logger';
import { apiTokenCommands, createApiToken, deleteApiToken } from '../../resources/api-tokens/commands';
import { type Replica, startReplica } from '../../testing/replica';
import { createHaproxyCommands } from '../commands';
import type { HaproxySource } from '../current';
import type { HaproxyNode } from '../model';
import { haproxyEndpoints } from '../routes';
import { createChangeLimit } from './change-limit';
import { balancerCommands } from './commands';
import { balancerEndpoints } from './routes';
import { createBalancerSightings, SILENT_AFTER_MS } from './sightings';

const NODE: HaproxyNode = { id: 1, name: 'n1', host: '10.0.0.1', port: 8440, tls: false, state: 'ready' };
const TOKENS = [1, 2].map((n) => `00000000-0000-7000-8000-00000000000${n}`) as [string, string];

let replica: Replica;
let principal: Principal;
let nodes: HaproxyNode[];
let quorum: boolean;
let now: number;
let elsewhere: number | null;
let app: { request(path: string, init?: RequestInit): Promise<Response> };

const as = (kind: Principal['kind'], role: Principal['role'], id: string = TOKENS[0]): void => {
  principal = { kind, id, name: `${kind} ${id.at(-1)}`, role, expires_at: null };
};

beforeEach(async () => {
  [nodes, quorum, now, elsewhere] = [[NODE], true, 1_000_000, null];
  as('api_token', 'viewer');
  const source: HaproxySource = {
    clusterName: () => 'test',
    nodes: () => nodes,
    replicas: () => [],
    publishedPort: () => 'http',
  };
  const haproxyCommands = createHaproxyCommands(source);
  const commands = [...haproxyCommands.all, ...balancerCommands, ...apiTokenCommands];
  replica = await startReplica({ log: 'local', registry: createRegistry(commands) });
  const sightings = createBalancerSightings({ clock: () => now, elsewhere: () => elsewhere });
  const created = createApp({
    endpoints: [
      ...haproxyEndpoints(source, haproxyCommands, () => now),
      ...balancerEndpoints({ source, sightings, quorumHeld: () => quorum }),
    ],
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
  for (const id of TOKENS) {
    const token = {
      id,
      name: `token ${id.at(-1)}`,
      role: 'viewer' as const,
      hint: 'qa_x',
      hash: sha256Hex(id),
      ttlMs: null,
    };
    await replica.proposer.propose(createApiToken, token, { actor: { kind: 'local', id: 'l', name: 'l' }, id });
  }
});
afterEach(() => replica.stop());

const etag = async (): Promise<string> => (await app.request('/v1/haproxy/config')).headers.get('etag') ?? '';
const APPLIED: Omit<BalancerReport, 'etag'> = {
  ...{ made_for: null, state: 'applied', detail: '', via: 'reload', haproxy_version: '2.6.12' },
};
function report(name: string, body: Partial<BalancerReport> = {}): Promise<Response> {
  const headers = { 'content-type': 'application/json' };
  return app.request(`/v1/haproxy/balancers/${name}`, {
    ...{ method: 'PUT', headers },
    body: JSON.stringify({ ...APPLIED, etag: null, ...body }),
  });
}
const list = async () =>
  balancerRoutes.list.response.parse(await (await app.request('/v1/haproxy/balancers')).json()).items;
const problem = async (answer: Response) => problemSchema.parse(await answer.json());
const only = async () => (await list())[0];

describe('load balancers that report', () => {
  it('are current until the membership changes, and stale then', async () => {
    const first = await etag();
    expect((await report('lb-1', { etag: first })).status).toBe(200);
    expect(await only()).toMatchObject({ name: 'lb-1', status: 'current', etag: first, reported_by: 'api_token 1' });
    nodes = [NODE, { ...NODE, id: 2, host: '10.0.0.2' }];
    expect(await only()).toMatchObject({ status: 'stale', etag: first });
    await report('lb-1', { etag: await etag(), via: 'runtime' });
    expect(await only()).toMatchObject({ status: 'current', via: 'runtime' });
  });

  it('are compared with what was made for the version that they ask for', async () => {
    const asked = await app.request('/v1/haproxy/config?version=3.2');
    await report('lb-1', { etag: asked.headers.get('etag'), made_for: '3.2' });
    expect(await only()).toMatchObject({ status: 'current' });
    await report('lb-1', { etag: asked.headers.get('etag') });
    expect(await only()).toMatchObject({ status: 'stale' });
  });

  it('write to the log only when something changed', async () => {
    const body = { etag: await etag() };
    await report('lb-1', body);
    const { index } = replica.applier.position;
    now += 10_000;
    expect((await report('lb-1', body)).headers.get('x-quorate-index')).toBeNull();
    expect(replica.applier.position.index).toBe(index);
    expect((await only())?.last_heard_at).toBe(new Date(now).toISOString());
  });

  it('are silent when no node has heard of them, even if this one never did', async () => {
    await report('lb-1', { etag: await etag() });
    now += SILENT_AFTER_MS + 1;
    expect((await only())?.status).toBe('silent');
    elsewhere = now - 1_000;
    expect((await only())?.status).toBe('current');
  });

  it('say that they fail, and why, as events', async () => {
    await report('lb-1', { etag: await etag() });
    await report('lb-1', { state: 'rejected', detail: 'unknown keyword' });
    expect(await only()).toMatchObject({ status: 'failing', detail: 'unknown keyword' });
    await report('lb-1', { etag: await etag() });
    const types = replica.store.db.$client.prepare('SELECT type FROM events WHERE type LIKE ? ORDER BY seq').pluck();
    expect(types.all('haproxy.balancer%')).toEqual([
      ...['haproxy.balancer_added', 'haproxy.balancer_failing', 'haproxy.balancer_recovered'],
    ]);
  });

  it('speak only for the name that their token reported first', async () => {
    await report('lb-1');
    as('api_token', 'viewer', TOKENS[1]);
    const answer = await report('lb-1', { state: 'rejected' });
    expect([answer.status, (await problem(answer)).detail]).toEqual([403, expect.stringContaining('token 1')]);
    expect((await report('lb-2')).status).toBe(200);
    // A token that is gone owns nothing.
    const operator = { actor: { kind: 'local', id: 'l', name: 'l' }, id: 'delete' } as const;
    await replica.proposer.propose(deleteApiToken, { id: TOKENS[0] }, operator);
    expect((await report('lb-1')).status).toBe(200);
  });

  it('are API tokens or operators, not people who may only look', async () => {
    as('user', 'viewer');
    const answer = await report('lb-1');
    expect([answer.status, (await problem(answer)).code]).toEqual([403, 'forbidden']);
    expect((await app.request('/v1/haproxy/balancers/lb-1', { method: 'DELETE' })).status).toBe(403);
    as('user', 'operator');
    expect((await report('lb-1')).status).toBe(200);
    expect((await app.request('/v1/haproxy/balancers/lb-1', { method: 'DELETE' })).status).toBe(204);
    expect((await app.request('/v1/haproxy/balancers/lb-1', { method: 'DELETE' })).status).toBe(404);
  });

  it('are sent to another node by one without a quorum', async () => {
    await report('lb-1');
    quorum = false;
    const answer = await report('lb-1');
    expect([answer.status, (await problem(answer)).code]).toEqual([503, 'no_quorum']);
  });

  it('cannot fill the log', () => {
    let at = 0;
    const limit = createChangeLimit(() => at);
    for (let n = 0; n < 120; n++) limit.take('a');
    expect(() => limit.take('a')).toThrow(/within a minute/);
    limit.take('b');
    at = 60_001;
    limit.take('a');
  });
});
