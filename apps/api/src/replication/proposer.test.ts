import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { DomainError } from '../commands/domain-error';
import { deferred } from '../lib/async';
import { type Replica, startReplica, storedValues } from '../testing/replica';
import { futureCommand, TEST_ACTOR, testCommands } from '../testing/test-commands';
import { until } from '../testing/until';
import { AppendUnknown, EpochChanged, type Log, LogUnavailable, MAX_ENTRY_BYTES } from './log';
import { createMemoryLog } from './memory-log';
import { OutcomeUnknown } from './proposer';

const { put, append, refuse } = testCommands;

/** The log with another `append`; reading is left alone. */
const withAppend = (log: Log, appendTo: Log['append']): Log => ({ ...log, append: appendTo });
const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'ok',
    (error: unknown) => (error instanceof DomainError ? error.code : error),
  );

describe('the proposer', () => {
  const replicas: Replica[] = [];
  afterEach(async () => {
    for (const replica of replicas.splice(0)) await replica.stop();
  });
  async function start(options: Parameters<typeof startReplica>[0]): Promise<Replica> {
    const replica = await startReplica(options);
    replicas.push(replica);
    return replica;
  }
  const marks = (replica: Replica, key = 'k'): string[] => storedValues(replica)[key]?.split(',').filter(Boolean) ?? [];

  it('answers with the result, the index, or the refusal of apply', async () => {
    const replica = await start({ log: createMemoryLog(), clock: () => 42 });
    expect(await replica.propose(put, { key: 'k', value: 'v' })).toEqual({ index: 1, result: { key: 'k', at: 42 } });
    await expect(replica.propose(refuse, { key: 'x' })).rejects.toMatchObject({
      code: 'conflict',
      errors: [{ pointer: '/key', detail: 'refused' }],
      retryAfter: 3,
    });
  });

  it('commits what arrives together in few entries', async () => {
    const log = createMemoryLog();
    const replica = await start({ log });
    const values = Array.from({ length: 1_200 }, (_, n) => `${n}`);
    const answers = await Promise.all(values.map((value) => replica.propose(append, { key: 'k', value: `${value},` })));
    expect(await log.barrier()).toBe(3);
    expect(marks(replica)).toEqual(values);
    expect(answers.at(-1)?.index).toBe(3);
  });

  it('splits a batch before the size limit of an entry', async () => {
    const log = createMemoryLog();
    const replica = await start({ log });
    const value = 'x'.repeat(MAX_ENTRY_BYTES / 3);
    await Promise.all([1, 2, 3, 4].map((n) => replica.propose(put, { key: `${n}`, value })));
    expect(await log.barrier()).toBe(2);
  });

  it('refuses a command that no entry can hold, and takes the next', async () => {
    const replica = await start({ log: createMemoryLog() });
    expect(await codeOf(replica.propose(put, { key: 'k', value: 'x'.repeat(MAX_ENTRY_BYTES) }))).toBe('body_too_large');
    expect(replica.proposer.queued).toBe(0);
    expect(await codeOf(replica.propose(put, { key: 'k', value: 'v' }))).toBe('ok');
  });

  it('refuses input that its command does not allow: it would stop every node', async () => {
    const log = createMemoryLog();
    const replica = await start({ log });
    await expect(replica.propose(put, { key: 'k', value: null as never })).rejects.toThrow('test.put');
    expect(await log.barrier()).toBe(0);
  });

  it('bounds its queue and frees it again', async () => {
    const replica = await start({ log: createMemoryLog(), timeoutMs: 60_000 });
    await replica.proposer.pause();
    const waiting = Array.from({ length: 20_000 }, (_, n) => replica.propose(append, { key: 'k', value: `${n},` }));
    expect(await codeOf(replica.propose(append, { key: 'k', value: 'no,' }))).toBe('overloaded');
    replica.proposer.attach(replica.log);
    await Promise.all(waiting);
    expect(replica.proposer.queued).toBe(0);
    expect(marks(replica)).toHaveLength(20_000);
  });

  it('bounds the bytes that wait, too', async () => {
    const replica = await start({ log: createMemoryLog(), timeoutMs: 60_000 });
    await replica.proposer.pause();
    const value = 'x'.repeat(500_000);
    const codes: Promise<unknown>[] = [];
    for (let n = 0; n < 200; n += 1) codes.push(codeOf(replica.propose(put, { key: 'k', value })));
    replica.proposer.attach(replica.log);
    const counted = await Promise.all(codes);
    expect(counted.filter((code) => code === 'overloaded').length).toBeGreaterThan(50);
    expect(counted.filter((code) => code === 'ok').length).toBeGreaterThan(50);
  });

  it('lets go of what it gave up while its log is held', async () => {
    const replica = await start({ log: createMemoryLog(), timeoutMs: 400 });
    await replica.proposer.pause();
    const given = Array.from({ length: 20_000 }, (_, n) => replica.propose(append, { key: 'k', value: `${n},` }));
    expect(await codeOf(replica.propose(append, { key: 'k', value: 'no,' }))).toBe('overloaded');
    expect(new Set(await Promise.all(given.map(codeOf)))).toEqual(new Set(['no_quorum']));
    const next = replica.propose(append, { key: 'k', value: 'yes,' });
    replica.proposer.attach(replica.log);
    await next;
    expect(marks(replica)).toEqual(['yes']);
  });

  it('resends a batch whose acknowledgement was lost, and it is applied once', async () => {
    const log = createMemoryLog();
    const replica = await start({ log });
    await replica.follow(false);
    log.dropAcks(3);
    const answers = Array.from({ length: 50 }, (_, n) => replica.propose(append, { key: 'k', value: `${n},` }));
    await until(async () => (await log.barrier()) >= 4, 'the batch was sent four times');
    await replica.follow(true);
    expect((await Promise.all(answers)).every((answer) => answer.index === 1)).toBe(true);
    await until(() => replica.applier.position.index === 4, 'all copies are applied');
    expect(marks(replica)).toHaveLength(50);
  });

  it('is not disturbed by an entry that the log holds twice', async () => {
    const log = createMemoryLog();
    log.duplicate(5);
    const replica = await start({ log });
    for (const n of [1, 2, 3]) await replica.propose(append, { key: 'k', value: `${n},` });
    expect(marks(replica)).toEqual(['1', '2', '3']);
  });

  it('answers no_quorum when nothing was sent within the budget, and never sends it later', async () => {
    const log = createMemoryLog();
    const replica = await start({ log, timeoutMs: 150 });
    log.partition(true);
    expect(await codeOf(replica.propose(append, { key: 'k', value: 'lost,' }))).toBe('no_quorum');
    log.partition(false);
    await replica.propose(append, { key: 'k', value: 'kept,' });
    expect(marks(replica)).toEqual(['kept']);
    expect(await log.barrier()).toBe(1);
  });

  it('waits out a short loss of the log', async () => {
    const log = createMemoryLog();
    const replica = await start({ log });
    log.partition(true);
    const waiting = replica.propose(append, { key: 'k', value: '1,' });
    await sleep(60);
    log.partition(false);
    expect((await waiting).index).toBe(1);
  });

  it('refuses at once while it knows that there is no quorum', async () => {
    const replica = await start({ log: createMemoryLog(), quorumHeld: () => false });
    expect(await codeOf(replica.propose(put, { key: 'k', value: 'v' }))).toBe('no_quorum');
    expect(replica.proposer.queued).toBe(0);
  });

  it('says outcome_unknown when acknowledgement and reader are both lost; the same id settles it later', async () => {
    const log = createMemoryLog();
    const replica = await start({ log });
    await replica.follow(false);
    log.dropAcks(1_000);
    const lost = replica.propose(append, { key: 'k', value: '1,' }, { id: 'lost', timeoutMs: 100 });
    await expect(lost).rejects.toThrow(OutcomeUnknown);
    await expect(lost).rejects.toMatchObject({ commandId: 'lost' });
    log.dropAcks(0);
    await replica.follow(true);
    const again = await replica.propose(append, { key: 'k', value: '1,' }, { id: 'lost' });
    expect(again).toEqual({ index: 1, result: { index: 1 } });
    expect(marks(replica)).toEqual(['1']);
  });

  it('says outcome_unknown, not no_quorum, while an append is still under way', async () => {
    const memory = createMemoryLog();
    const gate = deferred<void>();
    const slow = withAppend(memory, async (bytes) => {
      await gate.promise;
      return memory.append(bytes);
    });
    const replica = await start({ log: slow });
    await expect(replica.propose(append, { key: 'k', value: '1,' }, { timeoutMs: 50 })).rejects.toThrow(OutcomeUnknown);
    gate.resolve();
    await until(() => marks(replica).length === 1, 'the append went through after all');
  });

  it('says outcome_unknown when an unknown append is followed by refused ones', async () => {
    const memory = createMemoryLog();
    let calls = 0;
    const flaky = withAppend(memory, async () => {
      calls += 1;
      throw calls === 1 ? new AppendUnknown('lost') : new LogUnavailable('down');
    });
    const replica = await start({ log: flaky, timeoutMs: 150 });
    await expect(replica.propose(append, { key: 'k', value: '1,' })).rejects.toThrow(OutcomeUnknown);
  });

  it('gives two callers with one id one write', async () => {
    const replica = await start({ log: createMemoryLog() });
    const call = () => replica.propose(append, { key: 'k', value: '1,' }, { id: 'same', fingerprint: 'f' });
    expect(await Promise.all([call(), call()])).toEqual([
      { index: 1, result: { index: 1 } },
      { index: 1, result: { index: 1 } },
    ]);
    expect(marks(replica)).toEqual(['1']);
  });

  it('refuses another request under an id that is being written', async () => {
    const replica = await start({ log: createMemoryLog() });
    const first = replica.propose(append, { key: 'k', value: '1,' }, { id: 'same', fingerprint: 'one' });
    const other = replica.propose(append, { key: 'k', value: '2,' }, { id: 'same', fingerprint: 'two' });
    expect(await codeOf(other)).toBe('idempotency_key_reused');
    expect(await codeOf(first)).toBe('ok');
  });

  it('holds commands newer than the oldest member, and lets them pass later', async () => {
    let level = 1;
    const replica = await start({ log: createMemoryLog(), clusterLevel: () => level });
    const early = replica.propose(futureCommand, {});
    expect(await codeOf(early)).toBe('upgrade_required');
    await expect(early).rejects.toThrow('feature level 1000; the oldest member is at 1');
    level = 1_000;
    void replica.propose(futureCommand, {}, { timeoutMs: 200 }).catch(() => {});
    await until(() => replica.followEnd === 'upgrade_required', 'it reached the log');
  });

  it('passes an unexpected error of the log on and goes on with the next write', async () => {
    const memory = createMemoryLog();
    let broken = true;
    const log = withAppend(memory, async (bytes, options) => {
      if (broken) throw new TypeError('a bug in the log');
      return memory.append(bytes, options);
    });
    const replica = await start({ log });
    await expect(replica.propose(put, { key: 'k', value: 'v' })).rejects.toThrow('a bug in the log');
    broken = false;
    expect(await codeOf(replica.propose(put, { key: 'k', value: 'v' }))).toBe('ok');
  });

  it('loses and doubles no write while the log is swapped under load', async () => {
    const first = createMemoryLog();
    const replica = await start({ log: first, timeoutMs: 20_000 });
    const writes: Promise<unknown>[] = [];
    let done = false;
    const load = (async () => {
      for (let n = 0; !done; n += 1) {
        writes.push(replica.propose(append, { key: 'k', value: `${n},` }));
        if (n % 10 === 0) await sleep(1);
      }
    })();
    await until(() => writes.length > 100, 'writes run');
    first.dropAcks(1);
    await replica.proposer.pause();
    const base = await first.barrier();
    const held = writes.length;
    await until(() => writes.length > held + 100, 'writes arrive while the log is held');
    expect(await first.barrier()).toBe(base);
    await replica.applier.waitFor(base, 5_000);
    const second = createMemoryLog({ epoch: 2, base });
    replica.applier.rebase({ epoch: 2, cursor: '' });
    await replica.use(second);
    await until(() => replica.applier.position.index > base + 1, 'the new log is used');
    done = true;
    await load;
    await Promise.all(writes);
    const seen = marks(replica).map(Number);
    expect([...seen].sort((a, b) => a - b)).toEqual(writes.map((_, n) => n));
    await first.close();
  });

  it('sends again what went behind the end of its log, before the next one came or after', async () => {
    const ended = createMemoryLog();
    const gate = deferred<void>();
    let appends = 0;
    const replica = await start({
      log: withAppend(ended, async (bytes) => {
        appends += 1;
        if (appends > 1) await gate.promise;
        return ended.append(bytes);
      }),
    });
    await replica.follow(false);
    const before = replica.propose(append, { key: 'k', value: '1,' });
    await until(async () => (await ended.barrier()) === 1, 'the first write is in the log');
    const after = replica.propose(append, { key: 'k', value: '2,' });
    await until(() => appends === 2, 'the second write is under way');
    const next = createMemoryLog({ epoch: 2, base: 0 });
    replica.applier.rebase({ epoch: 2, cursor: '' });
    await replica.use(next);
    expect((await before).index).toBe(1);
    gate.resolve();
    expect((await after).index).toBe(2);
    expect(marks(replica)).toEqual(['1', '2']);
  });

  it('sends once what its ended log refused a moment before the next one came', async () => {
    let refused = 0;
    const ended = withAppend(createMemoryLog(), async () => {
      refused += 1;
      throw new EpochChanged(1, 2);
    });
    const replica = await start({ log: ended });
    const write = replica.propose(append, { key: 'k', value: '1,' });
    await until(() => refused === 1, 'it was refused');
    const memory = createMemoryLog({ epoch: 2, base: 0 });
    const gate = deferred<void>();
    let appends = 0;
    const next = withAppend(memory, async (bytes) => {
      appends += 1;
      await gate.promise;
      return memory.append(bytes);
    });
    replica.applier.rebase({ epoch: 2, cursor: '' });
    await replica.use(next);
    // Longer than what was refused waits before it is tried again.
    await sleep(100);
    expect(appends).toBe(1);
    gate.resolve();
    expect((await write).index).toBe(1);
  });

  it('resolves every pause that waits for the batches in flight', async () => {
    const memory = createMemoryLog();
    const gate = deferred<void>();
    const slow = withAppend(memory, async (bytes) => {
      await gate.promise;
      return memory.append(bytes);
    });
    const replica = await start({ log: slow });
    const write = replica.propose(put, { key: 'k', value: 'v' });
    await sleep(20);
    const pauses = Promise.all([replica.proposer.pause(), replica.proposer.pause()]);
    gate.resolve();
    await pauses;
    expect((await write).index).toBe(1);
  });

  it('settles from an installed snapshot what its log will never deliver here', async () => {
    const log = createMemoryLog();
    const replica = await start({ log });
    await replica.follow(false);
    const write = replica.propose(append, { key: 'k', value: '1,' }, { id: 'known' });
    const other = replica.propose(append, { key: 'k', value: '2,' }, { id: 'other', timeoutMs: 200 });
    replica.proposer.settleFrom((id) =>
      id === 'known' ? { index: 7, outcome: { ok: true, result: { index: 7 } } } : undefined,
    );
    expect(await write).toEqual({ index: 7, result: { index: 7 } });
    await expect(other).rejects.toThrow(OutcomeUnknown);
  });

  it('answers everything when it closes: unsent writes with not_ready, sent ones with outcome_unknown', async () => {
    const log = createMemoryLog();
    const replica = await start({ log });
    await replica.follow(false);
    const sent = codeOf(replica.propose(append, { key: 'k', value: '1,' }));
    await until(async () => (await log.barrier()) === 1, 'the first write is in the log');
    await replica.proposer.pause();
    const unsent = codeOf(replica.propose(append, { key: 'k', value: '2,' }));
    replica.proposer.close();
    expect(await sent).toBeInstanceOf(OutcomeUnknown);
    expect(await unsent).toBe('not_ready');
    expect(await codeOf(replica.propose(put, { key: 'k', value: 'v' }, { actor: TEST_ACTOR }))).toBe('not_ready');
    expect(replica.proposer.queued).toBe(0);
  });
});
