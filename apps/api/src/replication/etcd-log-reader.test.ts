import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../lib/logger';
import { startTestEtcd, type TestEtcd } from '../testing/etcd';
import type { EtcdClient } from './etcd/client';
import type { WatchEvent, WatchResponse } from './etcd/proto';
import { createEtcdLog } from './etcd-log';
import { readGenesis, writeGenesis } from './etcd-log-genesis';
import { readLog } from './etcd-log-reader';
import { createLogSource, type LogSource } from './etcd-log-source';
import { EpochChanged, type Log, LogGap } from './log';

const START = { epoch: 1, index: 0, cursor: '' };

/** etcd 3.4 loses events of a watch only rarely, so a filter loses them here: real members, real watches. */
function losing(source: LogSource, keep: (event: WatchEvent, watch: number) => boolean): LogSource {
  let watches = 0;
  return {
    ...source,
    async watch(startRevision) {
      watches += 1;
      const number = watches;
      const watch = await source.watch(startRevision);
      async function* filtered(): AsyncGenerator<WatchResponse> {
        for await (const response of watch.responses) {
          const events = response.events.filter((event) => keep(event, number));
          // A lost event is lost without a trace, its message included.
          if (events.length > 0 || response.events.length === 0) yield { ...response, events };
        }
      }
      return { ...watch, responses: filtered(), cancel: () => watch.cancel() };
    },
  };
}

describe('a watch that loses events', () => {
  let etcd: TestEtcd;
  let client: EtcdClient;
  let log: Log;
  let source: LogSource;
  let runs = 0;

  beforeAll(async () => {
    etcd = await startTestEtcd();
  });
  afterAll(async () => {
    await etcd.stop();
  });
  beforeEach(async () => {
    runs += 1;
    client = etcd.client();
    await writeGenesis(client, `/r${runs}`, { epoch: 1, base_index: 0, chain: '' });
    log = createEtcdLog({ client, prefix: `/r${runs}`, epoch: 1, log: silentLogger() });
    source = createLogSource(client, `/r${runs}`, 1);
    for (let n = 1; n <= 5; n += 1) await log.append(Buffer.from(`e${n}`));
  });

  async function readFive(lossy: LogSource): Promise<string[]> {
    const stop = new AbortController();
    const texts: string[] = [];
    for await (const entry of readLog(lossy, 1, START, stop.signal, silentLogger())) {
      texts.push(Buffer.from(entry.bytes).toString());
      if (entry.index === 5) break;
    }
    return texts;
  }

  const version = (event: WatchEvent): number => Number(event.kv.version);

  it('is opened again when it skipped an entry', async () => {
    const lossy = losing(source, (event, watch) => watch > 1 || version(event) !== 3);
    expect(await readFive(lossy)).toEqual(['e1', 'e2', 'e3', 'e4', 'e5']);
  });

  it('is opened again when it fell silent behind the tip', async () => {
    const lossy = losing(source, (event, watch) => watch > 1 || version(event) < 4);
    const startedMs = performance.now();
    expect(await readFive(lossy)).toEqual(['e1', 'e2', 'e3', 'e4', 'e5']);
    expect(performance.now() - startedMs).toBeLessThan(5000);
  });

  it('ends with LogGap when opening it again does not help', async () => {
    await expect(readFive(losing(source, (event) => version(event) !== 3))).rejects.toThrow(LogGap);
  });

  it('stops at the end of its epoch though the new one was lost on it, and yields nothing that came later', async () => {
    const first = await readGenesis(client, `/r${runs}`);
    const next = { epoch: 2, base_index: 5, chain: '' };
    const texts: string[] = [];
    const lossy = losing(source, (event) => !event.kv.key.equals(source.genesisKey));
    const reading = (async () => {
      for await (const entry of readLog(lossy, 1, START, new AbortController().signal, silentLogger())) {
        texts.push(Buffer.from(entry.bytes).toString());
        if (entry.index !== 5) continue;
        expect(await writeGenesis(client, `/r${runs}`, next, first)).toEqual({ written: true });
        // This handle has not heard of it.
        await log.append(Buffer.from('late'));
      }
    })();
    await expect(reading).rejects.toThrow(EpochChanged);
    expect(texts).toEqual(['e1', 'e2', 'e3', 'e4', 'e5']);
  });

  it('never yields an entry twice when events come again', async () => {
    const repeating: LogSource = { ...source, watch: () => source.watch(1) };
    const lossy = losing(repeating, (event, watch) => watch > 1 || version(event) !== 3);
    expect(await readFive(lossy)).toEqual(['e1', 'e2', 'e3', 'e4', 'e5']);
  });
});
