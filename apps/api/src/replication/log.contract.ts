import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Log, LogCompacted, type LogEntry, type LogPosition, LogUnavailable, MAX_ENTRY_BYTES } from './log';

/** What a Log's test file gives to the suite. */
export interface LogHarness {
  /** A fresh, empty log; `base` is the index before its first entry. */
  open(): Promise<Log>;
  /** The same log again after `close`; absent where the log keeps nothing of its own. */
  reopen?(): Promise<Log>;
  readonly base: number;
  /** False when only a bounded tail stays readable. Default true. */
  readonly retainsHistory?: boolean;
}

const WAIT_MS = 10_000;
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const textOf = (entry: LogEntry): string => new TextDecoder().decode(entry.bytes);

/** Reads `count` entries after `position`, within a bound. */
async function take(log: Log, position: LogPosition, count: number): Promise<LogEntry[]> {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), WAIT_MS);
  const entries: LogEntry[] = [];
  try {
    for await (const entry of log.read(position, stop.signal)) {
      entries.push(entry);
      if (entries.length === count) break;
    }
  } finally {
    clearTimeout(timer);
  }
  expect(entries).toHaveLength(count);
  return entries;
}

/** Every implementation of Log passes this suite. */
export function describeLogContract(name: string, harness: LogHarness): void {
  describe(`${name} keeps the log contract`, () => {
    const { base } = harness;
    let log: Log;
    const start = (): LogPosition => ({ epoch: log.epoch, index: base, cursor: '' });

    async function appendMany(count: number, label = 'entry'): Promise<void> {
      for (let n = 0; n < count; n += 1) await log.append(bytesOf(`${label} ${n}`));
    }

    beforeEach(async () => {
      log = await harness.open();
    });
    afterEach(async () => {
      await log.close();
    });

    it('numbers entries contiguously from the base', async () => {
      for (const text of ['a', 'b', 'c']) await log.append(bytesOf(text));
      const entries = await take(log, start(), 3);
      expect(entries.map((entry) => [entry.index, entry.epoch, textOf(entry)])).toEqual([
        [base + 1, log.epoch, 'a'],
        [base + 2, log.epoch, 'b'],
        [base + 3, log.epoch, 'c'],
      ]);
    });

    it('takes each concurrent append once, under an index of its own', async () => {
      const texts = Array.from({ length: 64 }, (_, n) => `concurrent ${n}`);
      await Promise.all(texts.map((text) => log.append(bytesOf(text))));
      expect(await log.barrier()).toBe(base + texts.length);
      const entries = await take(log, start(), texts.length);
      expect(entries.map(textOf).sort()).toEqual([...texts].sort());
      expect(entries.map((entry) => entry.index)).toEqual(texts.map((_, n) => base + 1 + n));
    });

    it('reads from any position, with the cursor and without', async () => {
      await appendMany(12);
      const all = await take(log, start(), 12);
      for (const from of all.slice(0, -1)) {
        const expected = all.slice(from.index - base).map(textOf);
        expect((await take(log, from, expected.length)).map(textOf)).toEqual(expected);
        const bare = { epoch: from.epoch, index: from.index, cursor: '' };
        expect((await take(log, bare, expected.length)).map(textOf)).toEqual(expected);
      }
    });

    it('waits for entries that come later, for several readers at once', async () => {
      const readers = [take(log, start(), 3), take(log, start(), 3)];
      await appendMany(3, 'later');
      for (const entries of await Promise.all(readers)) {
        expect(entries.map(textOf)).toEqual(['later 0', 'later 1', 'later 2']);
      }
    });

    it('ends a read normally when its signal aborts, before and while it waits', async () => {
      await appendMany(1);
      const aborted = new AbortController();
      aborted.abort();
      for await (const _ of log.read(start(), aborted.signal)) expect.unreachable('an aborted read yields nothing');
      const stop = new AbortController();
      const seen: number[] = [];
      for await (const entry of log.read(start(), stop.signal)) {
        seen.push(entry.index);
        setImmediate(() => stop.abort());
      }
      expect(seen).toEqual([base + 1]);
    });

    it('puts the barrier at the last acknowledged append', async () => {
      expect(await log.barrier()).toBe(base);
      for (let n = 1; n <= 5; n += 1) {
        await log.append(bytesOf(`b ${n}`));
        expect(await log.barrier()).toBe(base + n);
      }
    });

    it('forgets compacted entries and keeps the others', async () => {
      await appendMany(20);
      const all = await take(log, start(), 20);
      await log.compact(base + 11);
      await log.compact(base + 11);
      await log.compact(base + 2);
      const old = [start(), { epoch: log.epoch, index: base + 3, cursor: '' }];
      for (const position of old) await expect(take(log, position, 1)).rejects.toThrow(LogCompacted);
      const oldCursor = all[3];
      if (oldCursor) await expect(take(log, oldCursor, 1)).rejects.toThrow(LogCompacted);
      const kept = all[9];
      if (!kept) return expect.unreachable('the tenth entry was read');
      const expected = all.slice(10).map(textOf);
      expect((await take(log, kept, 10)).map(textOf)).toEqual(expected);
      expect((await take(log, { ...kept, cursor: '' }, 10)).map(textOf)).toEqual(expected);
      await log.append(bytesOf('after'));
      expect(await log.barrier()).toBe(base + 21);
    });

    it('survives compacting everything', async () => {
      await appendMany(3);
      const all = await take(log, start(), 3);
      await log.compact(base + 1000);
      await log.append(bytesOf('next'));
      expect(await log.barrier()).toBe(base + 4);
      const tip = all[2];
      if (!tip) return expect.unreachable('the third entry was read');
      expect((await take(log, tip, 1)).map(textOf)).toEqual(['next']);
    });

    it('takes entries up to the limit and refuses larger ones clearly', async () => {
      const large = new Uint8Array(MAX_ENTRY_BYTES).fill(7);
      for (let n = 0; n < 10; n += 1) await log.append(large);
      await log.append(new Uint8Array(0));
      const entries = await take(log, start(), 11);
      expect(entries.map((entry) => entry.bytes.length)).toEqual([...Array(10).fill(MAX_ENTRY_BYTES), 0]);
      expect(Buffer.from(large).equals(entries[0]?.bytes ?? new Uint8Array())).toBe(true);
      await expect(log.append(new Uint8Array(MAX_ENTRY_BYTES + 1))).rejects.toThrow(`${MAX_ENTRY_BYTES + 1} bytes`);
      expect(await log.barrier()).toBe(base + 11);
    });

    it('closes its readers and refuses appends and barriers', async () => {
      const reader = (async () => {
        for await (const _ of log.read(start(), new AbortController().signal))
          expect.unreachable('nothing was appended');
      })();
      await log.barrier();
      await log.close();
      await reader;
      await expect(log.append(bytesOf('late'))).rejects.toThrow(LogUnavailable);
      await expect(log.barrier()).rejects.toThrow(LogUnavailable);
    });

    it.runIf(harness.reopen)('continues the index after it is opened again', async () => {
      await appendMany(3);
      const all = await take(log, start(), 3);
      await log.close();
      log = (await harness.reopen?.()) ?? log;
      expect(await log.barrier()).toBe(base + 3);
      await log.append(bytesOf('d'));
      expect(await log.barrier()).toBe(base + 4);
      if (harness.retainsHistory ?? true)
        expect((await take(log, start(), 4)).map((e) => e.index - base)).toEqual([1, 2, 3, 4]);
      const tip = all[2];
      if (!tip) return expect.unreachable('the third entry was read');
      expect((await take(log, tip, 1)).map(textOf)).toEqual(['d']);
    });
  });
}
