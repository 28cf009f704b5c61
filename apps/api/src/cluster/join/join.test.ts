import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { asc, eq } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { events } from '../../db/system-table';
import { createTestJoiner, startTestMember, type TestJoiner, type TestMember } from '../../testing/member';
import { revokeJoinToken } from '../join-tokens/commands';
import { joinTokenRedemptions, joinTokens } from '../join-tokens/table';
import { removeMember, setMemberState } from '../members/commands';
import { members } from '../members/table';
import { loadIdentity } from '../pki/identity';
import { inspectCertificate } from '../pki/inspect';
import { createCa } from '../pki/issue';
import { fingerprintOf, keyPinOf } from '../pki/keys';
import { loadNodeFile } from '../pki/node-file';
import { preflightJoin } from './client';
import { JoinError } from './join-error';

let now: number;
let member: TestMember;
let disposals: (() => void)[];

beforeEach(async () => {
  now = Date.now();
  disposals = [];
  member = await startTestMember({ clock: () => now });
});
afterEach(async () => {
  await member.stop();
  for (const dispose of disposals) dispose();
});

function joiner(token: string, name = 'n2'): TestJoiner {
  const created = createTestJoiner(member, token, name);
  disposals.push(created.dispose);
  return created;
}

const db = () => member.replica.store.db;
const usesOf = (id: string) => db().select().from(joinTokens).where(eq(joinTokens.id, id)).get()?.uses;
const memberCount = () => db().select().from(members).all().length;

async function refusalOf(attempt: Promise<unknown>): Promise<JoinError> {
  const error = await attempt.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(JoinError);
  return error as JoinError;
}

describe('a join', () => {
  it('gives id, certificate, CA and cluster key, and stores them', async () => {
    const { id, token } = await member.mint();
    const node = joiner(token);
    const { identity, nodeFile, resumed } = await node.join();
    expect(node.stages).toEqual(['reached', 'pinned', 'admitted', 'certificate_issued']);
    expect(resumed).toBe(false);
    expect(nodeFile).toMatchObject({ node_id: 2, name: 'n2', mode: 'raft', stage: 'admitted' });
    expect(nodeFile.members.map(({ id, state }) => [id, state])).toEqual([
      [1, 'voter'],
      [2, 'joining'],
    ]);
    expect(loadIdentity(node.dataDir)).toEqual(identity);
    expect(loadNodeFile(node.dataDir)).toEqual(nodeFile);
    expect(identity.clusterKey).toEqual(member.identity.clusterKey);
    expect(inspectCertificate(identity.certPem).hosts).toContain('n2.test');
    expect(usesOf(id)).toBe(1);
    const row = db().select().from(members).where(eq(members.id, 2)).get();
    expect(row).toMatchObject({ state: 'joining', tokenId: id, keyPin: keyPinOf(identity.certPem) });
    const [redemption] = db().select().from(joinTokenRedemptions).all();
    expect(redemption).toMatchObject({ tokenId: id, nodeId: 2, nodeName: 'n2', address: '127.0.0.1' });
    const recorded = db().select().from(events).orderBy(asc(events.seq)).all();
    expect(recorded.map(({ type }) => type).slice(-3)).toEqual([
      'join_token.redeemed',
      'member.admitted',
      'join.started',
    ]);
    expect(JSON.stringify(recorded)).not.toContain(token);
  });

  it('gives the cluster key that is in force when it is admitted, not one that was rotated meanwhile', async () => {
    await member.stop();
    const [before, after] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
    const clusterKey = async () => (memberCount() > 1 ? after : before);
    member = await startTestMember({ clock: () => now, join: { clusterKey } });
    const { token } = await member.mint();
    expect((await joiner(token).join()).identity.clusterKey).toEqual(after);
  });

  it('never sends the token to somebody with another CA', async () => {
    const { id, token } = await member.mint();
    const node = joiner(token);
    const other = await createCa({ clusterId: '0198f0aa-1111-7222-8333-444455556666', nowMs: now });
    const caFingerprint = fingerprintOf(other.certPem);
    const error = await refusalOf(node.join({ target: { ...node.options.target, caFingerprint } }));
    expect([error.code, error.stage]).toEqual(['pin_mismatch', 'reached']);
    expect(error.message).toContain(member.caFingerprint);
    expect(error.message).not.toContain(token);
    expect(member.requestsSeen()).toBe(0);
    expect(usesOf(id)).toBe(0);
    await node.join();
    expect(member.requestsSeen()).toBe(1);
  });

  it('resumes with the same key: the same id and no further use, even when the token is used up or expired', async () => {
    const { id, token } = await member.mint();
    const node = joiner(token);
    const first = await node.join();
    now += 61_000;
    const again = await node.join();
    expect(again.resumed).toBe(true);
    expect(again.nodeFile.node_id).toBe(first.nodeFile.node_id);
    expect(keyPinOf(again.identity.certPem)).toBe(keyPinOf(first.identity.certPem));
    expect([usesOf(id), memberCount()]).toEqual([1, 2]);
    await member.replica.propose(revokeJoinToken, { id });
    expect((await refusalOf(node.join())).code).toBe('token_revoked');
  });

  it('is won by exactly one of two that race for the last use', async () => {
    for (let round = 0; round < 3; round++) {
      const { id, token } = await member.mint();
      const before = memberCount();
      const racers = [joiner(token, `a${round}`), joiner(token, `b${round}`)];
      const results = await Promise.allSettled(racers.map((racer) => racer.join()));
      const lost = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as JoinError] : []));
      expect(lost.map(({ code }) => code)).toEqual(['token_used_up']);
      expect([usesOf(id), memberCount()]).toEqual([1, before + 1]);
    }
  });

  it('refuses a removed key with the cure, and never gives an id twice', async () => {
    const { token } = await member.mint({ maxUses: 3 });
    const node = joiner(token);
    await node.join();
    await member.replica.propose(removeMember, { id: 2 });
    const error = await refusalOf(node.join());
    expect(error.code).toBe('node_removed');
    expect(error.cure).toContain('pki');
    const next = joiner(token, 'n2');
    expect((await next.join()).nodeFile.node_id).toBe(3);
    const wanted = joiner(token, 'n4');
    expect((await refusalOf(wanted.join({ id: 2 }))).code).toBe('node_id_taken');
    expect((await wanted.join({ id: 9 })).nodeFile.node_id).toBe(9);
  });

  it('does not move a member that takes part in Raft to other addresses', async () => {
    const { token } = await member.mint();
    const node = joiner(token);
    await node.join();
    await member.replica.propose(setMemberState, { id: 2, state: 'learner' as const });
    await node.join();
    const moved = { ...node.options.addresses, raftPeer: 'elsewhere.test:1' };
    expect((await refusalOf(node.join({ addresses: moved }))).code).toBe('conflict');
  });
});

describe('refusals', () => {
  it('each have a code of their own and take no use', async () => {
    const { id, token } = await member.mint();
    const bound = await member.mint({ nodeName: 'n9' });
    const numbered = await member.mint({ nodeId: 9 });
    const runner = await member.mint({ kind: 'runner' });
    const fenced = await member.mint({ allowedCidrs: ['10.0.0.0/8'] });
    const revoked = await member.mint();
    await member.replica.propose(revokeJoinToken, { id: revoked.id });
    const node = joiner(token);
    const { addresses, target } = node.options;
    const withToken = (value: string) => ({ target: { ...target, token: value } });
    const cases: [string, Parameters<typeof node.join>[0]][] = [
      ['token_unknown', withToken(`qj_${'A'.repeat(43)}`)],
      ['token_revoked', withToken(revoked.token)],
      ['token_kind_mismatch', withToken(runner.token)],
      ['token_name_mismatch', withToken(bound.token)],
      ['token_id_mismatch', { ...withToken(numbered.token), id: 8 }],
      ['token_address_not_allowed', withToken(fenced.token)],
      ['cluster_token_mismatch', { clusterToken: 'other' }],
      ['clock_skew', { clock: () => now + 7_000 }],
      ['clock_skew', { clock: () => now - 7_000 }],
      ['validation_failed', { featureLevel: 0 }],
      ['node_name_taken', { name: 'N1' }],
      ['node_id_taken', { id: 1 }],
      ['address_taken', { addresses: { ...addresses, apiUrl: 'http://n1.test:3' } }],
      ['address_taken', { addresses: { ...addresses, raftPeer: addresses.raftClient } }],
      ['node_unreachable', { addresses: { ...addresses, cluster: '127.0.0.1:1' } }],
      ['node_unreachable', { addresses: { ...addresses, cluster: '127.0.0.2:1' } }],
    ];
    for (const [code, change] of cases) {
      const error = await refusalOf(node.join(change));
      expect(error.code, `${code}: ${error.message}`).toBe(code);
      expect(error.stage).toBe('pinned');
      expect(error.cure).not.toBe('');
      expect(error.message + error.cure).not.toContain('qj_');
    }
    now += 60_001;
    expect((await refusalOf(node.join())).code).toBe('token_expired');
    expect(memberCount()).toBe(1);
    for (const minted of [id, bound.id, numbered.id, runner.id, fenced.id, revoked.id]) expect(usesOf(minted)).toBe(0);
    expect(existsSync(join(node.dataDir, 'node.json'))).toBe(false);
  });

  it('include a node that is too old for what the cluster uses', async () => {
    const newer = await startTestMember({ clusterLevel: 2 });
    disposals.push(() => void newer.stop());
    const { token } = await newer.mint();
    const node = createTestJoiner(newer, token, 'n2');
    disposals.push(node.dispose);
    const error = await refusalOf(node.join());
    expect(error.code).toBe('version_incompatible');
    expect(error.message).toMatch(/upgrade/);
  });

  it('include a stranger that listens on the advertised address', async () => {
    const { id, token } = await member.mint();
    const node = joiner(token);
    const addresses = { ...node.options.addresses, cluster: member.address };
    const taken = await refusalOf(node.join({ addresses }));
    expect(taken.code).toBe('address_taken');
    const other = await startTestMember();
    disposals.push(() => void other.stop());
    const stranger = await refusalOf(node.join({ addresses: { ...addresses, cluster: other.address } }));
    expect(stranger.code).toBe('node_unreachable');
    expect(stranger.message).toContain('something else');
    expect(usesOf(id)).toBe(0);
  });

  it('happen before anything is sent when this node cannot listen or the cluster cannot be reached', async () => {
    const { token } = await member.mint();
    const node = joiner(token);
    const [host = '', port] = member.address.split(':');
    const busy = await refusalOf(node.join({ listen: { host, port: Number(port) } }));
    expect([busy.code, busy.stage]).toEqual(['address_unusable', 'configured']);
    const nowhere = await refusalOf(node.join({ target: { ...node.options.target, address: '127.0.0.1:1' } }));
    expect([nowhere.code, nowhere.stage, nowhere.retryable]).toEqual(['unreachable', 'configured', true]);
    expect(member.requestsSeen()).toBe(0);
  });

  it('are limited by address', async () => {
    const limited = await startTestMember({ join: { attemptsPerMinute: 2 } });
    disposals.push(() => void limited.stop());
    const node = createTestJoiner(limited, `qj_${'A'.repeat(43)}`, 'n2');
    disposals.push(node.dispose);
    expect((await refusalOf(node.join())).code).toBe('token_unknown');
    expect((await refusalOf(node.join())).code).toBe('token_unknown');
    const error = await refusalOf(node.join());
    expect([error.code, error.retryable]).toEqual(['too_many_requests', true]);
  });

  it('keep a member of a cluster from joining again', async () => {
    const { token } = await member.mint();
    const node = joiner(token);
    await node.join();
    const path = join(node.dataDir, 'node.json');
    const file = readFileSync(path, 'utf8').replace('"admitted"', '"complete"');
    writeFileSync(path, file);
    expect((await refusalOf(node.join())).code).toBe('already_member');
  });
});

describe('a preflight', () => {
  it('says all that would hinder the join and changes nothing', async () => {
    const { id, token } = await member.mint();
    const node = joiner(token);
    const good = await preflightJoin(node.options);
    expect(good).toMatchObject({ dry_run: true, allowed: true, node_id: 2 });
    expect(good.findings.map(({ check }) => check)).toEqual([
      'token',
      'certificate',
      'version',
      'clock',
      'collisions',
      'reachability',
    ]);
    const addresses = { ...node.options.addresses, cluster: '127.0.0.1:1' };
    const bad = await preflightJoin({ ...node.options, name: 'n1', clock: () => now + 60_000, addresses });
    expect(bad).toMatchObject({ allowed: false, node_id: null });
    const codes = bad.findings.filter(({ ok }) => !ok).map(({ code }) => code);
    expect(codes).toEqual(['clock_skew', 'node_name_taken', 'node_unreachable']);
    expect([usesOf(id), memberCount()]).toEqual([0, 1]);
    const unknown = { ...node.options, target: { ...node.options.target, token: `qj_${'A'.repeat(43)}` } };
    expect((await refusalOf(preflightJoin(unknown))).code).toBe('token_unknown');
  });
});
