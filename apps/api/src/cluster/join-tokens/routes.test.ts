import { HEADER } from '@quorate/shared/http-headers';
import type { Principal } from '@quorate/shared/session';
import { asc } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DomainError } from '../../commands/domain-error';
import { events, seenCommands } from '../../db/system-table';
import { createApp } from '../../http/app';
import { blockListOf } from '../../http/remote-address';
import { silentLogger } from '../../lib/logger';
import { createTestJoiner, startTestMember, type TestMember } from '../../testing/member';
import { parseJoinString } from '../join/join-string';
import { joinEndpoints } from '../join/routes';
import { setMemberState } from '../members/commands';
import { joinTokenEndpoints } from './routes';

const ADMIN: Principal = { kind: 'user', id: 'u1', name: 'ada', role: 'admin', expires_at: null };
const TOKENS = '/v1/nodes/join-tokens';

let now: number;
let member: TestMember;
let app: ReturnType<typeof createApp>;
let grown: number;
let engine: 'present' | 'absent';
let percent: number | undefined;

beforeEach(async () => {
  now = Date.now();
  grown = 0;
  engine = 'present';
  percent = undefined;
  member = await startTestMember({ clock: () => now });
  const { replica } = member;
  const ensureCluster = async (): Promise<void> => {
    if (engine === 'absent') throw new DomainError('raft_engine_unavailable', 'install etcd');
    grown += 1;
  };
  const tokens = { ensureCluster, caCert: () => member.identity.caPem, clusterAddress: () => member.address };
  const progress = () => (percent === undefined ? undefined : { percent });
  app = createApp({
    endpoints: [
      ...joinTokenEndpoints({ ...tokens, clock: () => now }),
      ...joinEndpoints({ clock: () => now, progress }),
    ],
    authenticate: async () => ADMIN,
    ...{ store: replica.store, applier: replica.applier, proposer: replica.proposer, barrier: replica.barrier },
    nodeId: () => 1,
    deriveKey: () => Buffer.alloc(32, 5),
    trustedProxies: blockListOf([]),
    logger: silentLogger(),
  });
});
afterEach(() => member.stop());

// biome-ignore lint/suspicious/noExplicitAny: answers are compared, not used
type Answer = { status: number; body: any };

async function call(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const json = { 'content-type': 'application/json', ...headers };
  const init = body === undefined ? { method, headers } : { method, headers: json, body: JSON.stringify(body) };
  const response = await app.request(path, init, {});
  const text = await response.text();
  return { status: response.status, body: text === '' ? undefined : JSON.parse(text) };
}

describe('join tokens', () => {
  it('are shown once, with all that a joiner needs, and stored as a hash', async () => {
    const minted = await call('POST', TOKENS, {});
    expect(minted.status).toBe(201);
    expect(minted.body).toMatchObject({ kind: 'cluster', status: 'active', max_uses: 1, uses: 0, created_by: 'ada' });
    expect(grown).toBe(1);
    const target = { address: member.address, token: minted.body.token, caFingerprint: member.caFingerprint };
    expect(parseJoinString(minted.body.join_string)).toEqual(target);
    expect(minted.body.join_command).toBe(`quorated join ${minted.body.join_string}`);
    expect(minted.body.warnings.join(' ')).toMatch(
      /this machine only.*2 voters, which survive no more failures than 1/,
    );
    const list = await call('GET', TOKENS);
    expect(list.body.items.map(({ id }: { id: string }) => id)).toEqual([minted.body.id]);
    expect(JSON.stringify(list.body)).not.toContain('qj_');
    const file = member.replica.store.db.$client.serialize();
    expect(file.includes(minted.body.token)).toBe(false);
  });

  it('put the name and id that they are bound to into the command', async () => {
    const { body } = await call('POST', TOKENS, { node_name: 'db-4', node_id: 9 });
    expect(body.join_command).toBe(`quorated join ${body.join_string} --name db-4 --id 9`);
  });

  it('are the same again for a repeated Idempotency-Key, and new without', async () => {
    const key = { [HEADER.idempotencyKey]: 'k1' };
    const first = await call('POST', TOKENS, {}, key);
    const again = await call('POST', TOKENS, {}, key);
    expect([again.status, again.body.token, again.body.id]).toEqual([201, first.body.token, first.body.id]);
    expect((await call('POST', TOKENS, {})).body.token).not.toBe(first.body.token);
    expect((await call('POST', TOKENS, { max_uses: 2 }, key)).body.code).toBe('idempotency_key_reused');
  });

  it('refuse an Idempotency-Key that minted one before its outcome was forgotten, and stop no node', async () => {
    const key = { [HEADER.idempotencyKey]: 'k1' };
    expect((await call('POST', TOKENS, {}, key)).status).toBe(201);
    // What trimming does a day later; the token itself stays far longer.
    member.replica.store.db.delete(seenCommands).run();
    expect((await call('POST', TOKENS, {}, key)).body.code).toBe('idempotency_key_reused');
    expect(member.replica.fatal).toEqual([]);
    expect((await call('POST', TOKENS, {})).status).toBe(201);
  });

  it.each(['cluster', 'runner'])('need etcd: a node that grew is what a %s joins', async (kind) => {
    engine = 'absent';
    expect((await call('POST', TOKENS, { kind })).body.code).toBe('raft_engine_unavailable');
    expect((await call('GET', TOKENS)).body.items).toEqual([]);
  });

  it('refuse bindings that could never be used, naming the field', async () => {
    for (const [body, code, pointer] of [
      [{ node_id: 1 }, 'node_id_taken', '/node_id'],
      [{ node_name: 'n1' }, 'node_name_taken', '/node_name'],
      [{ node_name: 'n5', max_uses: 2 }, 'validation_failed', '/max_uses'],
      [{ ttl_seconds: 59 }, 'validation_failed', '/ttl_seconds'],
      [{ allowed_cidrs: ['10.0.0.1'] }, 'validation_failed', '/allowed_cidrs/0'],
      [{ maxuses: 1 }, 'validation_failed', '/maxuses'],
    ] as const) {
      const { body: problem } = await call('POST', TOKENS, body);
      expect([problem.code, problem.errors[0].pointer]).toEqual([code, pointer]);
    }
  });

  it('show their state and who redeemed them', async () => {
    const used = await call('POST', TOKENS, {});
    const node = createTestJoiner(member, used.body.token, 'n2');
    try {
      await node.join();
    } finally {
      node.dispose();
    }
    const revoked = await call('POST', TOKENS, {});
    expect((await call('DELETE', `${TOKENS}/${revoked.body.id}`)).status).toBe(204);
    expect((await call('DELETE', `${TOKENS}/${revoked.body.id}`)).status).toBe(204);
    await call('POST', TOKENS, { ttl_seconds: 60 });
    now += 60_000;
    const { items } = (await call('GET', TOKENS)).body;
    expect(items.map(({ status }: { status: string }) => status)).toEqual(['expired', 'revoked', 'used_up']);
    const [redemption] = items[2].redemptions;
    expect(redemption).toMatchObject({ node_id: 2, node_name: 'n2', address: '127.0.0.1' });
    expect((await call('DELETE', `${TOKENS}/0198f0aa-1111-7222-8333-444455556666`)).body.code).toBe('not_found');
    const page = await call('GET', `${TOKENS}?limit=2`);
    const rest = await call('GET', `${TOKENS}?limit=2&cursor=${page.body.next_cursor}`);
    expect([page.body.items.length, rest.body.items.length, rest.body.next_cursor]).toEqual([2, 1, null]);
    const types = member.replica.store.db.select().from(events).orderBy(asc(events.seq)).all();
    expect(types.filter(({ type }) => type === 'join_token.revoked')).toHaveLength(1);
  });
});

describe('joins', () => {
  it('show the stage of each, live, and those that stopped', async () => {
    const minted = await call('POST', TOKENS, {});
    const node = createTestJoiner(member, minted.body.token, 'n2');
    try {
      await node.join();
    } finally {
      node.dispose();
    }
    const shown = async () => (await call('GET', '/v1/joins')).body.items;
    const [admitted, ...others] = await shown();
    expect(others).toEqual([]);
    expect(admitted).toMatchObject({ node_id: 2, node_name: 'n2', stage: 'admitted', state: 'running' });
    expect(admitted).toMatchObject({ token_id: minted.body.id, address: '127.0.0.1', caught_up_percent: null });

    now += 15 * 60_000 + 1;
    const [dangling] = await shown();
    expect(dangling).toMatchObject({ state: 'dangling' });
    expect(dangling.detail).toContain('quorate cluster remove 2');

    await member.replica.propose(setMemberState, { id: 2, state: 'learner' as const });
    percent = 40;
    expect((await shown())[0]).toMatchObject({ stage: 'learner', state: 'running', caught_up_percent: 40 });
    percent = 100;
    expect((await shown())[0]).toMatchObject({ stage: 'caught_up', state: 'running' });
    await member.replica.propose(setMemberState, { id: 2, state: 'voter' as const });
    expect((await shown())[0]).toMatchObject({ stage: 'voter', state: 'done', caught_up_percent: null });
  });
});
