import { asc, eq } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DomainError } from '../../commands/domain-error';
import { events } from '../../db/system-table';
import { sha256Hex } from '../../lib/hash';
import { memberRegistry } from '../../testing/member';
import { type Replica, startReplica } from '../../testing/replica';
import { createJoinToken } from '../join-tokens/commands';
import { isLiveMember, MAX_NODE_ID } from './admission';
import { admitMember, registerFirstMember, removeMember, setMemberState, updateOwnMember } from './commands';
import { members } from './table';

let replica: Replica;
const TOKEN_ID = '0198f0aa-1111-7222-8333-444455556666';

const nodeOf = (name: string) => ({
  name,
  keyPin: sha256Hex(name),
  clusterAddress: `${name}.test:7000`,
  raftPeerAddress: `${name}.test:7001`,
  raftClientAddress: `${name}.test:7002`,
  apiUrl: `http://${name}.test:8440`,
  version: '0.1.0',
  featureLevel: 1,
  certificateExpiresAt: 1,
});

const admit = async (name: string, id: number | null = null) => {
  const input = { ...nodeOf(name), id, tokenHash: sha256Hex('token'), address: '10.0.0.1' };
  return (await replica.propose(admitMember, input)).result;
};
const become = (id: number, state: 'learner' | 'voter') => replica.propose(setMemberState, { id, state });
const row = (id: number) => replica.store.db.select().from(members).where(eq(members.id, id)).get();
const recorded = () => replica.store.db.select().from(events).orderBy(asc(events.seq)).all();
const codeOf = (attempt: Promise<unknown>): Promise<string> =>
  attempt.then(
    () => 'ok',
    (error: unknown) => (error instanceof DomainError ? error.code : String(error)),
  );

beforeEach(async () => {
  replica = await startReplica({ log: 'local', registry: memberRegistry });
  await replica.propose(registerFirstMember, { ...nodeOf('n1'), id: 1 });
  const unbound = { nodeName: null, nodeId: null, allowedCidrs: [] };
  const token = { id: TOKEN_ID, hash: sha256Hex('token'), kind: 'cluster' as const, maxUses: 63, ttlMs: 60_000 };
  await replica.propose(createJoinToken, { ...token, ...unbound });
});
afterEach(() => replica.stop());

describe('members', () => {
  it('register a founder once', async () => {
    await replica.propose(registerFirstMember, { ...nodeOf('n1'), id: 1 });
    expect(row(1)).toMatchObject({ state: 'voter', tokenId: null });
    expect(await codeOf(replica.propose(registerFirstMember, { ...nodeOf('x'), id: 1 }))).toBe('node_id_taken');
  });

  it('go from joining to learner to voter, a step at a time, and say what it means', async () => {
    await admit('n2');
    expect(await codeOf(become(2, 'voter'))).toBe('conflict');
    expect((await become(2, 'learner')).result).toEqual({ changed: true });
    expect((await become(2, 'learner')).result).toEqual({ changed: false });
    await become(2, 'voter');
    expect(await codeOf(become(2, 'learner'))).toBe('conflict');
    expect(await codeOf(become(9, 'learner'))).toBe('not_found');
    const messages = recorded().map(({ type, message }) => `${type}: ${message}`);
    expect(messages.slice(-4)).toEqual([
      'member.learner: n2 (node 2) is a learner and catches up',
      'member.promoted: n2 (node 2) is a voter; the cluster has 2 voters and survives the loss of none',
      expect.stringMatching(/^join\.completed: n2 \(node 2\) has joined/),
      'members.changed: the voters are now 1, 2',
    ]);
  });

  it('are removed for good: no id, key or last voter is lost by accident', async () => {
    expect(await codeOf(replica.propose(removeMember, { id: 1 }))).toBe('quorum_would_be_lost');
    await admit('n2');
    expect(isLiveMember(replica.store.db, 2, sha256Hex('n2'))).toBe(true);
    await replica.propose(removeMember, { id: 2, reason: 'never finished its join' });
    expect(row(2)?.state).toBe('removed');
    expect(isLiveMember(replica.store.db, 2, sha256Hex('n2'))).toBe(false);
    expect(recorded().at(-1)?.message).toContain('(never finished its join)');
    expect(await codeOf(replica.propose(removeMember, { id: 2 }))).toBe('not_found');
    expect(await codeOf(become(2, 'learner'))).toBe('not_found');
    expect(await codeOf(admit('n2'))).toBe('node_removed');
    expect(await admit('n3')).toMatchObject({ nodeId: 3, resumed: false });
  });

  it('are removed only from the voters for which that was found safe', async () => {
    for (const [name, id] of [
      ['n2', 2],
      ['n3', 3],
      ['n4', 4],
    ] as const) {
      await admit(name);
      await become(id, 'learner');
      await become(id, 'voter');
    }
    const voters = [1, 2, 3, 4];
    const both = [2, 3].map((id) => codeOf(replica.propose(removeMember, { id, voters })));
    expect(await Promise.all(both)).toEqual(['ok', 'membership_change_in_progress']);
    expect(row(3)?.state).toBe('voter');
    await replica.propose(removeMember, { id: 3, voters: [1, 3, 4] });
  });

  it('change what they say of themselves, and collide with no other', async () => {
    await admit('n2');
    const seq = recorded().length;
    expect((await replica.propose(updateOwnMember, { version: '0.1.0' })).result).toEqual({ changed: false });
    await replica.propose(updateOwnMember, { certificateExpiresAt: 5 });
    expect(recorded()).toHaveLength(seq);
    await replica.propose(updateOwnMember, { version: '0.2.0', apiUrl: 'http://new.test:1' });
    expect(row(1)).toMatchObject({ version: '0.2.0', apiUrl: 'http://new.test:1', certificateExpiresAt: 5 });
    expect(recorded().at(-1)?.message).toBe('n1 (node 1) now has the API address http://new.test:1, version 0.2.0');
    const taken = replica.propose(updateOwnMember, { raftPeerAddress: 'N2.test:7001' });
    expect(await codeOf(taken)).toBe('address_taken');
  });

  it('are at most seven, and of 63 ids none is used twice', async () => {
    for (let id = 2; id <= 7; id++) await admit(`n${id}`);
    expect(await codeOf(admit('n8'))).toBe('conflict');
    await replica.propose(removeMember, { id: 7 });
    expect(await admit('m50', 50)).toMatchObject({ nodeId: 50 });
    await replica.propose(removeMember, { id: 50 });
    for (let id = 8; id <= MAX_NODE_ID; id++) {
      if (id === 50) continue;
      expect(await admit(`m${id}`)).toMatchObject({ nodeId: id });
      await replica.propose(removeMember, { id });
    }
    expect(await codeOf(admit('last'))).toBe('no_free_node_id');
  });
});
