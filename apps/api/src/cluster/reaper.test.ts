import { asc, desc } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { events } from '../db/system-table';
import { sha256Hex } from '../lib/hash';
import { silentLogger } from '../lib/logger';
import { memberRegistry } from '../testing/member';
import { type Replica, startReplica } from '../testing/replica';
import { createJoinToken } from './join-tokens/commands';
import { admitMember, registerFirstMember, setMemberState } from './members/commands';
import { members } from './members/table';
import { createReaper } from './reaper';

const HOUR = 3_600_000;
let replica: Replica;
let now = 0;
let seenAt: Record<number, number> = {};

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

const reaper = (leader: number | null = 1) =>
  createReaper({
    nodeId: 1,
    afterMs: HOUR,
    view: { leaderId: () => leader },
    liveness: { lastSeenAt: (id) => seenAt[id] ?? null },
    db: () => replica.store.db,
    proposer: replica.proposer,
    clock: () => now,
    logger: silentLogger(),
  });

const states = () =>
  replica.store.db
    .select()
    .from(members)
    .orderBy(asc(members.id))
    .all()
    .map(({ state }) => state);

beforeEach(async () => {
  now = Date.UTC(2030, 0, 1);
  seenAt = {};
  replica = await startReplica({ log: 'local', registry: memberRegistry, clock: () => now });
  await replica.propose(registerFirstMember, { ...nodeOf('n1'), id: 1 });
  const token = { id: '0198f0aa-1111-7222-8333-444455556666', hash: sha256Hex('token'), kind: 'cluster' as const };
  const open = { maxUses: 9, ttlMs: HOUR, nodeName: null, nodeId: null, allowedCidrs: [] };
  await replica.propose(createJoinToken, { ...token, ...open });
  const admission = { id: null, tokenHash: sha256Hex('token'), address: '10.0.0.1' };
  await replica.propose(admitMember, { ...nodeOf('n2'), ...admission });
  await replica.propose(admitMember, { ...nodeOf('n3'), ...admission });
  await replica.propose(setMemberState, { id: 3, state: 'learner' as const });
});
afterEach(() => replica.stop());

describe('the reaper', () => {
  it('removes joins that have been silent for long, and says so once', async () => {
    const { run } = reaper();
    now += HOUR - 1;
    await run();
    expect(states()).toEqual(['voter', 'joining', 'learner']);
    now += 1;
    await run();
    await run();
    expect(states()).toEqual(['voter', 'removed', 'removed']);
    const newest = replica.store.db.select().from(events).orderBy(desc(events.seq)).limit(4).all();
    expect(newest.map(({ type }) => type)).toEqual(['join.failed', 'member.removed', 'join.failed', 'member.removed']);
    expect(newest[0]?.message).toBe('n3 never finished joining (not heard of for 60 min)');
  });

  it('leaves a slow learner alone as long as it answers', async () => {
    const { run } = reaper();
    now += 10 * HOUR;
    seenAt = { 2: now - HOUR + 1, 3: now - 500 };
    await run();
    expect(states()).toEqual(['voter', 'joining', 'learner']);
  });

  it('never touches a voter', async () => {
    await replica.propose(setMemberState, { id: 3, state: 'voter' as const });
    const { run } = reaper();
    now += 10 * HOUR;
    await run();
    expect(states()).toEqual(['voter', 'removed', 'voter']);
  });

  it('counts from its own start what it has never seen', async () => {
    now += 10 * HOUR;
    const { run } = reaper();
    now += HOUR / 2;
    await run();
    expect(states()).toEqual(['voter', 'joining', 'learner']);
  });

  it('is the work of the leader alone', async () => {
    const { run } = reaper(2);
    now += 10 * HOUR;
    await run();
    expect(states()).toEqual(['voter', 'joining', 'learner']);
  });
});
