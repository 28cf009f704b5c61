import { describe, expect, it } from 'vitest';
import { createLocalEvents } from '../events/local-events';
import { silentLogger } from '../lib/logger';
import type { MemberStatus } from '../replication/etcd/members';
import { judgeJournals } from './alarms/compare-journals';
import { parseEtcdAlarms } from './alarms/etcd-alarms';
import { type Condition, createAlarms } from './alarms/registry';
import { diskCondition } from './alarms/sources';
import { planCompaction } from './compaction';
import { planDefragmentation } from './defragmentation';
import type { StateDigest } from './digests/digest-thread';
import { judge } from './digests/verdict';
import { isSnapshotDue } from './snapshots/keeper';

const MB = 1024 ** 2;

describe('compaction', () => {
  const plan = (change: Partial<Parameters<typeof planCompaction>[0]>) =>
    planCompaction({ tip: 1_000, retain: 100, applied: [1_000], covered: 1_000, lastCompacted: 0, ...change });

  it('goes no further than any bound', () => {
    expect(plan({})).toBe(900);
    expect(plan({ applied: [1_000, 700] })).toBe(700);
    expect(plan({ covered: 500 })).toBe(500);
    expect(plan({ covered: 0 })).toBeUndefined();
    expect(plan({ retain: 0 })).toBe(1_000);
  });
  it('waits until it is worth it', () => {
    expect(plan({ lastCompacted: 895 })).toBeUndefined();
    expect(plan({ lastCompacted: 880 })).toBe(900);
  });
});

describe('journals that etcd calls corrupt', () => {
  const journals = (...hashes: (string | undefined)[]) => hashes.map((hash, n) => ({ name: `n${n + 1}`, hash }));

  it('are equal when a majority is and nobody differs, whoever does not answer', () => {
    expect(judgeJournals(journals('a', 'a', 'a'))).toMatchObject({ equal: true });
    expect(judgeJournals(journals('a', 'a', undefined))).toMatchObject({
      equal: true,
      detail: expect.stringMatching(/n3 did not answer/),
    });
    expect(judgeJournals(journals('a', undefined, undefined))).toMatchObject({ equal: false });
  });
  it('that differ are named, with what to do about them', () => {
    const found = judgeJournals(journals('a', 'b', 'a'));
    expect(found.equal).toBe(false);
    expect(found.detail).toMatch(/journal of n2 differs.*stop quorated there, move the folder raft/);
    expect(judgeJournals(journals('a', 'b')).detail).toMatch(/no majority/);
  });
});

describe('defragmentation', () => {
  const status = (id: string, size: number, used: number, change: object = {}, learner = false): MemberStatus =>
    ({
      member: { id, name: id, peer_urls: [], client_urls: [], is_learner: learner },
      status: {
        leader: 'a',
        raft_term: '2',
        raft_index: '5000',
        raft_applied_index: '5000',
        db_size: String(size * MB),
        db_size_in_use: String(used * MB),
        ...change,
      },
    }) as unknown as MemberStatus;

  it('takes one follower at a time, and the leader only after it has handed over', () => {
    const [leader, first, second] = [status('a', 200, 20), status('b', 200, 20), status('c', 200, 20)];
    expect(planDefragmentation([leader, first, second])).toEqual({ kind: 'member', id: 'b' });
    expect(planDefragmentation([leader, status('b', 30, 20), second])).toEqual({ kind: 'member', id: 'c' });
    expect(planDefragmentation([leader, status('b', 30, 20), status('c', 30, 20)])).toEqual({ kind: 'hand_over' });
    expect(planDefragmentation([leader])).toEqual({ kind: 'member', id: 'a' });
  });
  it('leaves alone what gains little, and everybody while one is away, joins or catches up', () => {
    const full = status('b', 200, 180);
    expect(planDefragmentation([status('a', 30, 1), full])).toBeUndefined();
    const worth = status('b', 200, 20);
    const leader = status('a', 30, 20);
    expect(planDefragmentation([leader, worth, { ...worth, status: null }])).toBeUndefined();
    expect(planDefragmentation([leader, worth, status('c', 30, 20, {}, true)])).toBeUndefined();
    expect(planDefragmentation([leader, worth, status('c', 30, 20, { raft_applied_index: '100' })])).toBeUndefined();
  });
});

describe('snapshots', () => {
  const settings = { entries: 100, interval: 3_600_000, keep: 2 };
  const newest = { epoch: 2, index: 500, createdAt: 1_000_000 };
  const due = (change: Partial<Parameters<typeof isSnapshotDue>[0]>) =>
    isSnapshotDue({
      nowMs: 1_000_001,
      startedAtMs: 1_000_000,
      position: { epoch: 2, index: 501 },
      newest,
      journalFull: false,
      settings,
      ...change,
    });

  it('are due by count, by time, in a new epoch, and when the journal is full', () => {
    expect(due({})).toBe(false);
    expect(due({ position: { epoch: 2, index: 600 } })).toBe(true);
    expect(due({ nowMs: 4_600_000 })).toBe(true);
    expect(due({ journalFull: true })).toBe(true);
    expect(due({ position: { epoch: 3, index: 501 }, nowMs: 1_070_000 })).toBe(true);
    expect(due({ newest: undefined, position: { epoch: 2, index: 5 }, nowMs: 1_070_000 })).toBe(true);
  });
  it('are not made while nothing was written', () => {
    expect(due({ position: { epoch: 2, index: 500 }, nowMs: 9_000_000, journalFull: true })).toBe(false);
  });
});

describe('the verdict on a replica', () => {
  const at = (digest: string, index = 10): StateDigest => ({ epoch: 1, index, schema: 5, digest });
  const peer = (nodeId: number, ...digests: StateDigest[]) => ({ nodeId, digests });

  it('follows the majority of the voters', () => {
    expect(judge(at('x'), [peer(2, at('x')), peer(3, at('x'))], 3)).toEqual({ kind: 'equal' });
    expect(judge(at('x'), [peer(2, at('y')), peer(3, at('y'))], 3)).toEqual({ kind: 'diverged', healthy: [2, 3] });
    expect(judge(at('x'), [peer(2, at('x')), peer(3, at('y'))], 3)).toEqual({ kind: 'equal' });
  });
  it('compares only digests of the same point, and waits for enough of them', () => {
    expect(judge(at('x'), [peer(2, at('y', 9)), peer(3)], 3)).toEqual({ kind: 'pending' });
    expect(judge(at('x'), [peer(2, at('y'))], 3)).toEqual({ kind: 'pending' });
  });
  it('does not guess between two', () => {
    expect(judge(at('x'), [peer(2, at('y'))], 2)).toEqual({ kind: 'unclear' });
  });
});

describe('alarms', () => {
  it('of etcd are read from its status', () => {
    const texts = ['memberID:10501334649042878790 alarm:NOSPACE ', 'etcdserver: no leader', 'memberID:5 alarm:CORRUPT'];
    expect(parseEtcdAlarms(texts)).toEqual([
      { memberId: '10501334649042878790', code: 'etcd_no_space' },
      { memberId: '5', code: 'etcd_corrupt' },
    ]);
  });

  it('of the disk grow with the need', () => {
    expect(diskCondition('/d', 50e9, 100e9)).toBeUndefined();
    expect(diskCondition('/d', 4e9, 100e9)?.severity).toBe('warning');
    expect(diskCondition('/d', 0.4e9, 100e9)?.severity).toBe('critical');
    // A small disk: a tenth of it is what counts.
    expect(diskCondition('/d', 0.2e9, 1e9)).toBeUndefined();
    expect(diskCondition('/d', 0.05e9, 1e9)?.severity).toBe('warning');
  });

  it('are told once, outlast a flicker and a restart, and are told when they end', async () => {
    let nowMs = 1_000_000;
    let found: Condition[] = [];
    const common = { nodeId: 1, clock: () => nowMs, logger: silentLogger() };
    const localEvents = createLocalEvents({
      ...{ file: undefined, lastSeq: () => 0, appliedIndex: () => 0, term: () => null },
      ...common,
    });
    const start = () => {
      const alarms = createAlarms({ ...common, localEvents, isLeader: () => true, peerAlarms: () => [] });
      alarms.watch(() => found);
      return async (afterMs: number) => {
        nowMs += afterMs;
        await alarms.run();
        return alarms.inForce().map(({ code }) => code);
      };
    };
    const told = () => localEvents.after(0).map(({ event }) => event.type);
    const condition: Condition = {
      ...{ code: 'disk_low', severity: 'warning', scope: 'own', message: 'm', cure: 'c', holdMs: 3_000 },
    };
    const look = start();
    found = [condition];
    expect(await look(1_000)).toEqual([]);
    expect(await look(3_000)).toEqual(['disk_low']);
    found = [];
    expect(await look(1_000)).toEqual(['disk_low']);
    found = [condition];
    expect(await look(1_000)).toEqual(['disk_low']);
    expect(told()).toEqual(['alarm.raised']);
    const again = start();
    expect(await again(1_000)).toEqual(['disk_low']);
    expect(told()).toEqual(['alarm.raised']);
    found = [];
    expect(await again(1_000)).toEqual(['disk_low']);
    expect(await again(2_000)).toEqual([]);
    expect(told()).toEqual(['alarm.raised', 'alarm.cleared']);
  });
});
