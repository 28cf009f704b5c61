import { describe, expect, it } from 'vitest';
import { AppendUnknown, EpochChanged, LogUnavailable } from './log';
import { describeLogContract } from './log.contract';
import { createMemoryLog, type MemoryLog } from './memory-log';

for (const base of [0, 41]) {
  let opened: MemoryLog;
  describeLogContract(`the memory log from base ${base}`, {
    base,
    async open() {
      opened = createMemoryLog({ epoch: 3, base });
      return opened;
    },
    reopen: async () => opened.attach(),
  });
}

describe('the memory log fails on request', () => {
  const entry = new Uint8Array([1]);

  it('drops an answer but keeps the entry', async () => {
    const log = createMemoryLog();
    log.dropAcks(1);
    await expect(log.append(entry)).rejects.toThrow(AppendUnknown);
    expect(await log.barrier()).toBe(1);
    await log.append(entry);
    expect(await log.barrier()).toBe(2);
  });

  it('cuts one node off and not the other', async () => {
    const log = createMemoryLog();
    const other = log.attach();
    log.partition(true);
    await expect(log.append(entry)).rejects.toThrow(LogUnavailable);
    await other.append(entry);
    expect(await other.barrier()).toBe(1);
    const stop = new AbortController();
    const read = log.read({ epoch: 1, index: 0, cursor: '' }, stop.signal)[Symbol.asyncIterator]();
    const next = read.next();
    log.partition(false);
    expect((await next).value).toMatchObject({ index: 1 });
    stop.abort();
    expect((await read.next()).done).toBe(true);
  });

  it('writes an entry twice', async () => {
    const log = createMemoryLog();
    log.duplicate(1);
    await log.append(entry);
    expect(await log.barrier()).toBe(2);
  });

  it('refuses a reader of another epoch', async () => {
    const log = createMemoryLog({ epoch: 2, base: 5 });
    const read = log.read({ epoch: 1, index: 6, cursor: '' }, new AbortController().signal)[Symbol.asyncIterator]();
    await expect(read.next()).rejects.toThrow(EpochChanged);
  });
});
