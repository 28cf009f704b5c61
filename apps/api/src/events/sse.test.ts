import type { QuorateEvent } from '@quorate/shared/events';
import { afterEach, describe, expect, it } from 'vitest';
import type { StateDb } from '../db/state-store';
import { systemClock } from '../lib/clock';
import { silentLogger } from '../lib/logger';
import { createMemoryLog } from '../replication/memory-log';
import { type Replica, startReplica } from '../testing/replica';
import { testCommands } from '../testing/test-commands';
import { until } from '../testing/until';
import { createEventBus, type EventBus } from './bus';
import { createEventLog, type EventLog } from './event-log';
import { createLocalEvents, type LocalEvents } from './local-events';
import { lastEventSeq } from './queries';
import { openEventStream, shareView } from './sse';

interface Reader {
  readonly ids: number[];
  readonly events: QuorateEvent[];
  readonly text: () => string;
  readonly ended: () => boolean;
  stop(): void;
}

describe('the event stream', () => {
  let replica: Replica;
  let bus: EventBus;
  let local: LocalEvents;
  let view = '{}';
  const readers: Reader[] = [];
  afterEach(async () => {
    for (const reader of readers.splice(0)) reader.stop();
    await replica.stop();
  });

  async function start(): Promise<void> {
    replica = await startReplica({ log: createMemoryLog(), timeoutMs: 30_000 });
    bus = createEventBus(replica.applier, silentLogger());
    local = createLocalEvents({
      file: undefined,
      nodeId: 1,
      clock: systemClock,
      logger: silentLogger(),
      lastSeq: () => lastEventSeq(replica.store.db),
      appliedIndex: () => replica.applier.position.index,
      term: () => 7,
    });
  }
  const logOf = (db: () => StateDb): EventLog => createEventLog({ db, local, termAt: () => null });
  const write = (count: number): Promise<unknown> =>
    Promise.all(
      Array.from({ length: count }, (_, n) => replica.propose(testCommands.put, { key: `k${n}`, value: 'v' })),
    );

  function open(lastSeq: number | undefined, filter = {}): { response: Response; stop: AbortController } {
    const stop = new AbortController();
    const { store } = replica;
    const response = openEventStream({
      log: logOf(() => store.db),
      bus,
      filter,
      resume: lastSeq === undefined ? undefined : { seq: lastSeq, local: undefined },
      clusterView: () => view,
      signal: stop.signal,
    });
    return { response, stop };
  }

  function read({ response, stop }: ReturnType<typeof open>): Reader {
    const ids: number[] = [];
    const events: QuorateEvent[] = [];
    let text = '';
    let ended = false;
    void (async () => {
      const decoder = new TextDecoder();
      let rest = '';
      for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
        const piece = decoder.decode(chunk, { stream: true });
        text += piece;
        const messages = (rest + piece).split('\n\n');
        rest = messages.pop() ?? '';
        for (const message of messages) {
          const match = /^id: (\d+)\.\d+\nevent: event\ndata: (.*)$/.exec(message);
          if (!match?.[1] || !match[2]) continue;
          ids.push(Number(match[1]));
          events.push(JSON.parse(match[2]) as QuorateEvent);
        }
      }
      ended = true;
    })();
    const reader = { ids, events, text: () => text, ended: () => ended, stop: () => stop.abort() };
    readers.push(reader);
    return reader;
  }
  const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, n) => from + n);

  it('starts from now without a last id, and sends the cluster view', async () => {
    await start();
    await write(3);
    view = '{"nodes":1}';
    const reader = read(open(undefined));
    await until(() => reader.text().includes('event: cluster\ndata: {"nodes":1}\n\n'), 'the view is sent');
    await write(2);
    await until(() => reader.ids.length === 2, 'the new events arrive');
    expect(reader.ids).toEqual([4, 5]);
    expect(reader.events[0]).toMatchObject({
      seq: 4,
      type: 'alarm.raised',
      namespace: 'cluster',
      actor: 'ada',
      index: 2,
    });
    view = '{"nodes":2}';
    await until(() => reader.text().includes('{"nodes":2}'), 'the changed view is sent');
  });

  it('gives a client that resumes what it missed, then what comes, in order and once', async () => {
    await start();
    await write(50);
    const stream = open(20);
    await write(30);
    const reader = read(stream);
    await write(5);
    await until(() => reader.ids.length >= 65, 'everything arrives');
    expect(reader.ids).toEqual(range(21, 85));
  });

  it('sends a backlog of any size without a hole while writes go on', async () => {
    await start();
    await write(7_000);
    const reader = read(open(10));
    for (let n = 0; n < 20; n += 1) await write(10);
    await until(() => reader.ids.length >= 7_190, 'the backlog arrives');
    expect(reader.ids).toEqual(range(11, 7_200));
  });

  it('keeps order and number when the client reads late', async () => {
    await start();
    const stream = open(0);
    await write(4_000);
    const reader = read(stream);
    await until(() => reader.ids.length >= 4_000, 'the late reader has all');
    expect(reader.ids).toEqual(range(1, 4_000));
  });

  it('filters by type and namespace, live and from the past', async () => {
    await start();
    await write(3);
    const other = read(open(0, { namespace: 'user' }));
    const same = read(open(0, { namespace: 'alarm', type: 'alarm.raised' }));
    await write(3);
    await until(() => same.ids.length >= 6, 'the matching events arrive');
    expect(same.ids).toEqual(range(1, 6));
    expect(other.ids).toEqual([]);
  });

  it('ends when there is no view to send, and harms nothing else', async () => {
    await start();
    let fails = false;
    const { store } = replica;
    const clusterView = (): string => {
      if (fails) throw new Error('no view');
      return '{}';
    };
    const stop = new AbortController();
    const options = {
      log: logOf(() => store.db),
      bus,
      filter: {},
      resume: undefined,
      clusterView,
      signal: stop.signal,
    };
    const reader = read({ response: openEventStream(options), stop });
    await until(() => reader.text().includes('event: cluster'), 'the stream is open');
    fails = true;
    await until(() => reader.ended(), 'the stream ends');
    const again = read({ response: openEventStream(options), stop });
    await until(() => again.ended(), 'a new stream ends at once');
  });

  it('makes one view for many streams', () => {
    let made = 0;
    const view = shareView(() => String(++made));
    expect([view(), view(), view()]).toEqual(['1', '1', '1']);
  });

  it('ends when its client or the node goes, and listens no more', async () => {
    await start();
    const stream = open(undefined);
    const reader = read(stream);
    await until(() => reader.text() !== '', 'the stream is open');
    stream.stop.abort();
    await until(() => reader.ended(), 'the stream ends');
    await write(1);
    expect(reader.ids).toEqual([]);
  });
});
