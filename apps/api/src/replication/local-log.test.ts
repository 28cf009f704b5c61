import { afterEach, describe, expect, it } from 'vitest';
import { encodeEntry } from '../commands/entry';
import { type Replica, startReplica, storedValues } from '../testing/replica';
import { TEST_ACTOR, testCommands } from '../testing/test-commands';
import { createLocalLog } from './local-log';
import { LogCompacted, type LogEntry, LogUnavailable } from './log';
import { describeLogContract } from './log.contract';

for (const base of [0, 41]) {
  let written: LogEntry[] = [];
  const open = async () =>
    createLocalLog({ epoch: 3, tip: base + written.length, commit: (entry) => void written.push(entry) });
  describeLogContract(`the local log from base ${base}`, {
    base,
    retainsHistory: false,
    open() {
      written = [];
      return open();
    },
    reopen: open,
  });
}

describe('the local log over the real state file', () => {
  let replica: Replica;
  afterEach(() => replica.stop());
  const start = () => startReplica({ log: 'local', durability: 'FULL' });

  const putEntry = (id: string, key: string): Uint8Array =>
    encodeEntry([
      JSON.stringify({
        id,
        type: 'test.put',
        since: 1,
        at: 1,
        actor: TEST_ACTOR,
        node: 1,
        fingerprint: '',
        input: { key, value: id },
      }),
    ]);

  it('has applied an entry, durably, before the append resolves', async () => {
    replica = await start();
    expect(replica.store.db.$client.pragma('synchronous', { simple: true })).toBe(2);
    const appended = replica.log.append(putEntry('a', 'k'));
    expect(storedValues(replica)).toEqual({ k: 'a' });
    await appended;
    expect(replica.applier.position.index).toBe(1);
  });

  it('continues its index and chain after a restart', async () => {
    replica = await start();
    await replica.log.append(putEntry('a', 'k'));
    const { chain } = replica.applier.position;
    await replica.restart();
    expect(Buffer.from(replica.applier.position.chain)).toEqual(Buffer.from(chain));
    expect(await replica.log.barrier()).toBe(1);
    await replica.log.append(putEntry('b', 'k'));
    expect(await replica.log.barrier()).toBe(2);
    expect(storedValues(replica)).toEqual({ k: 'b' });
  });

  it('writes nothing and keeps its index when applying fails', async () => {
    replica = await start();
    await expect(replica.log.append(new TextEncoder().encode('no entry'))).rejects.toThrow();
    expect(replica.fatal).toHaveLength(1);
    expect(await replica.log.barrier()).toBe(0);
    expect(replica.applier.position.index).toBe(0);
  });

  it('keeps a bounded tail: a reader further back needs a snapshot', async () => {
    replica = await start();
    replica.store.setDurability('NORMAL');
    for (let n = 1; n <= 1_100; n += 1) await replica.log.append(putEntry(`c${n}`, 'k'));
    const stop = new AbortController();
    const read = replica.log.read({ epoch: 1, index: 0, cursor: '' }, stop.signal)[Symbol.asyncIterator]();
    await expect(read.next()).rejects.toThrow(LogCompacted);
    const near = replica.log.read({ epoch: 1, index: 1_090, cursor: '' }, stop.signal)[Symbol.asyncIterator]();
    expect((await near.next()).value).toMatchObject({ index: 1_091 });
    stop.abort();
  });

  it('proposes through it', async () => {
    replica = await start();
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) => replica.propose(testCommands.append, { key: 'k', value: `${n},` })),
    );
    expect(new Set(answers.map((answer) => answer.index)).size).toBeLessThanOrEqual(2);
    expect(storedValues(replica)['k']?.split(',').filter(Boolean)).toHaveLength(20);
    await replica.log.close();
    await expect(replica.log.append(putEntry('z', 'k'))).rejects.toThrow(LogUnavailable);
  });
});
