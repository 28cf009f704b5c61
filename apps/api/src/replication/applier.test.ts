import { createHash } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { CHAIN_GENESIS, encodeEntry } from '../commands/entry';
import { expectPresent } from '../lib/assert';
import { type Replica, startReplica, storedValues } from '../testing/replica';
import { stateDigest } from '../testing/state-digest';
import { TEST_ACTOR, testCommands } from '../testing/test-commands';
import { until } from '../testing/until';
import type { AppliedEntry } from './applier';
import { EpochChanged, type LogEntry, LogGap } from './log';
import { createMemoryLog, type MemoryLog } from './memory-log';

interface Draft {
  id: string;
  type?: string;
  since?: number;
  at?: number;
  fingerprint?: string;
  input?: unknown;
}

const bytesOf = (...commands: Draft[]): Uint8Array =>
  encodeEntry(
    commands.map((command) =>
      JSON.stringify({
        type: 'test.append',
        since: 1,
        at: 1_000,
        actor: TEST_ACTOR,
        node: 1,
        fingerprint: '',
        input: { key: 'k', value: command.id },
        ...command,
      }),
    ),
  );
const refusal = (id: string): Draft => ({ id, type: 'test.refuse', input: { key: 'refused' } });
const crash = (id: string): Draft => ({ id, type: 'test.crash', input: { key: 'crashed' } });

describe('the applier', () => {
  let replica: Replica;
  let log: MemoryLog;
  afterEach(() => replica?.stop());

  /** A replica that reads nothing by itself: entries are handed to it one by one. */
  async function startStill(): Promise<{ apply: (...commands: Draft[]) => AppliedEntry; entries: LogEntry[] }> {
    log = createMemoryLog();
    replica = await startReplica({ log });
    await replica.follow(false);
    const entries: LogEntry[] = [];
    const apply = (...commands: Draft[]): AppliedEntry => {
      const index = replica.applier.position.index + 1;
      const entry = { epoch: 1, index, cursor: `c${index}`, bytes: bytesOf(...commands) };
      entries.push(entry);
      let applied: AppliedEntry | undefined;
      const unsubscribe = replica.applier.onApplied((result) => {
        applied = result;
      });
      try {
        replica.applier.apply(entry);
      } finally {
        unsubscribe();
      }
      return expectPresent(applied, 'the applied entry');
    };
    return { apply, entries };
  }
  const count = (table: string): number =>
    (replica.store.db.$client.prepare(`SELECT count(*) AS n FROM ${table}`).get() as { n: number }).n;

  it('applies an entry in one transaction with its position and chain', async () => {
    const { apply, entries } = await startStill();
    expect(replica.applier.position).toMatchObject({ epoch: 1, index: 0, cursor: '', lastAt: 0 });
    apply({ id: 'a' }, { id: 'b' });
    apply({ id: 'c' });
    expect(storedValues(replica)).toEqual({ k: 'abc' });
    let chain = CHAIN_GENESIS;
    for (const entry of entries) chain = createHash('sha256').update(chain).update(entry.bytes).digest();
    expect(replica.applier.position).toMatchObject({ epoch: 1, index: 2, cursor: 'c2', lastAt: 1_000 });
    expect(Buffer.from(replica.applier.position.chain)).toEqual(chain);
  });

  it('rolls back only the command that is refused, with its rows and events', async () => {
    const { apply } = await startStill();
    const applied = apply({ id: 'a' }, refusal('b'), { id: 'c', type: 'test.put', input: { key: 'p', value: 'v' } });
    expect(storedValues(replica)).toEqual({ k: 'a', p: 'v' });
    expect(applied.commands.map((command) => command.outcome)).toEqual([
      { ok: true, result: { index: 1 } },
      {
        ok: false,
        code: 'conflict',
        detail: 'refused is refused',
        errors: [{ pointer: '/key', detail: 'refused' }],
        retryAfter: 3,
      },
      { ok: true, result: { key: 'p', at: 1_000 } },
    ]);
    expect(applied.events.map((event) => event.message)).toEqual(['p is v']);
    expect(count('events')).toBe(1);
    const audited = replica.store.db.$client.prepare('SELECT command_id, outcome, code FROM audit ORDER BY seq').all();
    expect(audited).toEqual([
      { command_id: 'a', outcome: 'ok', code: '' },
      { command_id: 'b', outcome: 'refused', code: 'conflict' },
      { command_id: 'c', outcome: 'ok', code: '' },
    ]);
  });

  it('stops for good at any other error, committing nothing of the entry', async () => {
    const { apply } = await startStill();
    apply({ id: 'a' });
    const before = stateDigest(replica.store.db);
    const heard: number[] = [];
    replica.applier.onApplied((entry) => heard.push(entry.index));
    expect(() => apply({ id: 'b' }, crash('c'), { id: 'd' })).toThrow('a bug in apply');
    expect(replica.fatal).toHaveLength(1);
    expect(stateDigest(replica.store.db)).toEqual(before);
    expect(replica.applier.position.index).toBe(1);
    expect(replica.store.db.$client.inTransaction).toBe(false);
    expect(() => apply({ id: 'e' })).toThrow('stopped');
    expect(heard).toEqual([]);
    expect(replica.fatal).toHaveLength(1);
  });

  it('refuses a change that breaks a constraint, alike on every node, instead of stopping them all', async () => {
    const { apply } = await startStill();
    const applied = apply({ id: 'a', type: 'test.contradict', input: { key: 'twice' } }, { id: 'b' });
    expect(applied.commands.map(({ outcome }) => (outcome.ok ? 'ok' : outcome.code))).toEqual(['conflict', 'ok']);
    expect(replica.fatal).toEqual([]);
    const rows = replica.store.db.$client.prepare("SELECT * FROM cluster_secrets WHERE name = 'twice'").all();
    expect(rows).toEqual([]);
  });

  it('ends following with the error that stopped it', async () => {
    log = createMemoryLog();
    replica = await startReplica({ log });
    await log.append(bytesOf({ id: 'a' }));
    await log.append(bytesOf(crash('b')));
    await until(() => replica.followEnd !== undefined, 'following ends');
    expect(replica.followEnd).toBe('failed');
    expect(replica.applier.position.index).toBe(1);
    expect(replica.fatal).toHaveLength(1);
  });

  it('answers a repeated command with its first outcome and index, and applies it once', async () => {
    const { apply } = await startStill();
    apply({ id: 'a' }, refusal('r'));
    const again = apply({ id: 'b' }, { id: 'a' }, refusal('r'), { id: 'b' });
    expect(storedValues(replica)).toEqual({ k: 'ab' });
    expect(again.commands).toEqual([
      { id: 'b', index: 2, outcome: { ok: true, result: { index: 2 } } },
      { id: 'a', index: 1, outcome: { ok: true, result: { index: 1 } } },
      expect.objectContaining({ id: 'r', index: 1, outcome: expect.objectContaining({ code: 'conflict' }) }),
      { id: 'b', index: 2, outcome: { ok: true, result: { index: 2 } } },
    ]);
    expect(count('audit')).toBe(3);
  });

  it('refuses a known id with another fingerprint and leaves the first outcome', async () => {
    const { apply } = await startStill();
    apply({ id: 'a', fingerprint: 'one' });
    const other = apply({ id: 'a', fingerprint: 'two' });
    expect(other.commands[0]?.outcome).toMatchObject({ ok: false, code: 'idempotency_key_reused' });
    const same = apply({ id: 'a', fingerprint: 'one' });
    expect(same.commands[0]).toEqual({ id: 'a', index: 1, outcome: { ok: true, result: { index: 1 } } });
    expect(storedValues(replica)).toEqual({ k: 'a' });
  });

  it('refuses gaps and other epochs, and drops what it has', async () => {
    const { apply, entries } = await startStill();
    apply({ id: 'a' });
    replica.applier.apply(expectPresent(entries[0], 'the first entry'));
    expect(() => replica.applier.apply({ epoch: 1, index: 3, cursor: '', bytes: bytesOf({ id: 'x' }) })).toThrow(
      LogGap,
    );
    expect(() => replica.applier.apply({ epoch: 2, index: 2, cursor: '', bytes: bytesOf({ id: 'x' }) })).toThrow(
      EpochChanged,
    );
    expect(replica.applier.position.index).toBe(1);
    expect(replica.fatal).toEqual([]);
    expect(storedValues(replica)).toEqual({ k: 'a' });
  });

  for (const [name, draft] of [
    ['an unknown type', { id: 'u', type: 'no.such', input: {} }],
    ['a newer level', { id: 'u', since: 1_000 }],
  ] as const) {
    it(`stops at ${name} without moving and goes on after the upgrade`, async () => {
      log = createMemoryLog();
      replica = await startReplica({ log });
      await log.append(bytesOf({ id: 'a' }));
      await log.append(bytesOf({ id: 'b' }, draft));
      await log.append(bytesOf({ id: 'c' }));
      await until(() => replica.followEnd !== undefined, 'following ends');
      expect(replica.followEnd).toBe('upgrade_required');
      expect(replica.fatal).toEqual([]);
      expect(replica.applier.position.index).toBe(1);
      expect(storedValues(replica)).toEqual({ k: 'a' });
    });
  }

  it('never lets time go back', async () => {
    const { apply } = await startStill();
    const put = (id: string, at: number): Draft => ({ id, at, type: 'test.put', input: { key: 't', value: id } });
    const at = (entry: AppliedEntry): unknown[] =>
      entry.commands.map(({ outcome }) => outcome.ok && (outcome.result as { at: number }).at);
    expect(at(apply(put('a', 5_000), put('b', 4_000), put('c', 6_000)))).toEqual([5_000, 5_000, 6_000]);
    await replica.restart();
    await replica.follow(false);
    expect(at(apply(put('d', 1)))).toEqual([6_000]);
  });

  it('wakes those who wait for an index, in time or with false', async () => {
    const { apply } = await startStill();
    const second = replica.applier.waitFor(2, 10_000);
    const never = replica.applier.waitFor(3, 30);
    expect(await replica.applier.waitFor(0, 1)).toBe(true);
    apply({ id: 'a' });
    apply({ id: 'b' });
    expect(await second).toBe(true);
    expect(await never).toBe(false);
  });

  it('survives a listener that throws', async () => {
    const { apply } = await startStill();
    replica.applier.onApplied(() => {
      throw new Error('a bad listener');
    });
    const heard: number[] = [];
    replica.applier.onApplied((entry) => heard.push(entry.index));
    apply({ id: 'a' });
    apply({ id: 'b' });
    expect(heard).toEqual([1, 2]);
  });

  it('applies the same entries again after a crash between append and apply', async () => {
    log = createMemoryLog();
    replica = await startReplica({ log });
    await log.append(bytesOf({ id: 'a' }));
    await until(() => replica.applier.position.index === 1, 'the first entry is applied');
    await replica.follow(false);
    await log.append(bytesOf({ id: 'b' }));
    await log.append(bytesOf({ id: 'c' }, { id: 'b' }));
    await replica.restart();
    await until(() => replica.applier.position.index === 3, 'the rest is applied');
    expect(storedValues(replica)).toEqual({ k: 'abc' });
  });

  it('trims outcomes, events and audit at fixed indexes alone', async () => {
    const { apply } = await startStill();
    const day = 24 * 3600 * 1000;
    for (let n = 1; n <= 100; n += 1) apply({ id: `old ${n}`, at: n });
    for (let n = 101; n <= 255; n += 1) apply({ id: `new ${n}`, at: day + 50 });
    expect(count('seen_commands')).toBe(255);
    apply({ id: 'trimmer', at: day + 51 });
    expect(count('seen_commands')).toBe(256 - 50);
    apply({ id: 'after', at: 3 * day });
    expect(count('seen_commands')).toBe(257 - 50);
  });

  it('reports an end when the log was trimmed below the position', async () => {
    log = createMemoryLog();
    for (let n = 0; n < 5; n += 1) await log.append(bytesOf({ id: `${n}` }));
    await log.compact(4);
    replica = await startReplica({ log });
    await until(() => replica.followEnd !== undefined, 'following ends');
    expect(replica.followEnd).toBe('compacted');
    expect(replica.applier.position.index).toBe(0);
  });
});

describe('a full disk', () => {
  let replica: Replica;
  afterEach(() => replica?.stop());

  /** SQLite answers the same as on a disk without room. */
  const limitPages = (pages: number): unknown => replica.store.db.$client.pragma(`max_page_count = ${pages}`);
  const NO_LIMIT = 1_000_000;
  const long = 'x'.repeat(20_000);

  it('refuses the write that has no room, keeps what was there, and goes on once there is room', async () => {
    replica = await startReplica({ log: 'local' });
    await replica.propose(testCommands.append, { key: 'k', value: 'a' });
    limitPages(1);
    const refused = replica.propose(testCommands.append, { key: 'k', value: long });
    await expect(refused).rejects.toMatchObject({ code: 'disk_full' });
    expect(storedValues(replica)).toEqual({ k: 'a' });
    expect(replica.applier.diskFull).toMatchObject({ code: 'disk_full' });
    limitPages(NO_LIMIT);
    await until(() => replica.applier.diskFull === undefined, 'there is room again');
    await replica.propose(testCommands.append, { key: 'k', value: 'b' });
    expect(storedValues(replica)).toEqual({ k: 'ab' });
    expect(replica.fatal).toEqual([]);
  });

  it('holds a member up at the entry that it has no room for, until it has, and skips nothing', async () => {
    const log = createMemoryLog();
    replica = await startReplica({ log });
    const writer = await startReplica({ log, nodeId: 2 });
    limitPages(1);
    await writer.propose(testCommands.append, { key: 'k', value: long });
    await writer.propose(testCommands.append, { key: 'k', value: 'b' });
    await until(() => replica.applier.diskFull !== undefined, 'the disk is full');
    const refused = replica.propose(testCommands.append, { key: 'k', value: 'c' });
    await expect(refused).rejects.toMatchObject({ code: 'disk_full' });
    expect(replica.followEnd).toBeUndefined();
    limitPages(NO_LIMIT);
    await until(() => replica.applier.position.index === writer.applier.position.index, 'it caught up');
    expect(replica.applier.diskFull).toBeUndefined();
    expect(stateDigest(replica.store.db)).toEqual(stateDigest(writer.store.db));
    expect([...replica.fatal, ...writer.fatal]).toEqual([]);
    await writer.stop();
  });
});
