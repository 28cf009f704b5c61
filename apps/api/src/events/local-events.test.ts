import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { QuorateEvent } from '@quorate/shared/events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../lib/clock';
import { silentLogger } from '../lib/logger';
import { createMemoryLog } from '../replication/memory-log';
import { type ApiNode, startApiNode } from '../testing/api-node';
import { type Replica, startReplica } from '../testing/replica';
import { testCommands } from '../testing/test-commands';
import { until } from '../testing/until';
import { createEventBus } from './bus';
import { createEventLog, type EventLog, LAST_PLACE, type Place } from './event-log';
import { startFileSink } from './file-sink';
import { createLocalEvents, type LocalEvents } from './local-events';
import { lastEventSeq } from './queries';

let directory: string;
let replica: Replica;
const cleanUps: (() => unknown)[] = [];
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'quorate-events-'));
  replica = await startReplica({ log: createMemoryLog() });
  cleanUps.push(
    () => rmSync(directory, { recursive: true, force: true }),
    () => replica.stop(),
  );
});
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

const happen = async (count: number): Promise<void> => {
  for (let n = 0; n < count; n += 1) await replica.propose(testCommands.put, { key: `k${n}`, value: 'v' });
};

function open(clock = systemClock): { local: LocalEvents; log: EventLog } {
  const local = createLocalEvents({
    ...{ file: join(directory, 'local.jsonl'), nodeId: 3, clock, logger: silentLogger() },
    ...{ lastSeq: () => lastEventSeq(replica.store.db), appliedIndex: () => 9, term: () => 4 },
  });
  return { local, log: createEventLog({ db: () => replica.store.db, local, termAt: () => null }) };
}
const idsOf = (events: readonly { event: QuorateEvent }[]): string[] => events.map(({ event }) => event.id);

describe('local events', () => {
  it('say who saw what, in an order that neither a standing clock nor a restart disturbs', () => {
    const clock = (): number => 1_000;
    const { local } = open(clock);
    for (const n of [1, 2, 3]) local.record('peer.connected', `peer ${n}`, { peer: n });
    expect(local.after(0).map(({ position }) => position)).toEqual([1_000, 1_001, 1_002]);
    expect(local.after(1_001).map(({ event }) => event)).toMatchObject([
      { id: 'local.3.1002', local: true, event_src_id: 3, namespace: 'cluster', index: 9, term: 4, data: { peer: 3 } },
    ]);
    const again = open(clock).local;
    expect(again.after(0)).toEqual(local.after(0));
    again.record('peer.disconnected', 'gone');
    expect(again.after(1_002).map(({ position }) => position)).toEqual([1_003]);
  });

  it('are bounded in memory and on disk', () => {
    const { local } = open();
    for (let n = 0; n < 5_000; n += 1) local.record('state.ro', `${n}`);
    expect(local.after(0)).toHaveLength(1_000);
    const lines = readFileSync(join(directory, 'local.jsonl'), 'utf8').trimEnd().split('\n');
    expect(lines.length).toBeLessThanOrEqual(2_000);
    expect(open().local.after(0).at(-1)?.event.message).toBe('4999');
  });

  it('stand between the domain events, page by page', async () => {
    const { local, log } = open();
    local.record('state.ro', 'first');
    await happen(3);
    local.record('state.rw', 'fourth');
    local.record('state.ro', 'fifth');
    await happen(2);
    const all = log.list({}, LAST_PLACE, 100);
    expect(all.map(({ event }) => (event.local ? event.message : event.seq))).toEqual([
      5,
      4,
      'fifth',
      'fourth',
      3,
      2,
      1,
      'first',
    ]);
    let before: Place = LAST_PLACE;
    const paged: string[] = [];
    for (let n = 0; n < 5; n += 1) {
      const page = log.list({}, before, 2);
      paged.push(...idsOf(page));
      before = page.at(-1)?.place ?? before;
    }
    expect(paged).toEqual(idsOf(all));
    expect(log.list({ source: 3 }, LAST_PLACE, 100)).toHaveLength(3);
    expect(log.list({ namespace: 'state' }, LAST_PLACE, 100)).toHaveLength(3);
    expect(log.list({ namespace: 'cluster' }, LAST_PLACE, 100)).toHaveLength(8);
  });
});

describe('the event file', () => {
  const file = (): string => join(directory, 'sink', 'events.jsonl');
  /** Whole lines: the last one may be on its way. */
  function linesOf(path: string): QuorateEvent[] {
    if (!existsSync(path)) return [];
    const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
    return lines.map((line) => JSON.parse(line) as QuorateEvent);
  }

  function start(log: EventLog, maxBytes = 10_000_000, keep = 2) {
    const bus = createEventBus(replica.applier, silentLogger());
    const sink = startFileSink({ file: file(), maxBytes, keep, log, bus, logger: silentLogger() });
    cleanUps.push(() => sink.stop());
    return sink;
  }

  it('has every event once, also those of the time when nobody wrote', async () => {
    const { local, log } = open();
    const first = start(log);
    await happen(5);
    local.record('state.ro', 'seen here');
    await until(() => linesOf(file()).length === 6, 'everything is written');
    await first.stop();
    await happen(300);
    start(log);
    await happen(5);
    const domain = () => linesOf(file()).filter((event) => !event.local);
    await until(() => domain().length >= 310, 'the missed ones are written');
    expect(domain().map((event) => event.seq)).toEqual(Array.from({ length: 310 }, (_, n) => n + 1));
    expect(linesOf(file()).filter((event) => event.local)).toMatchObject([{ message: 'seen here' }]);
    expect(statSync(file()).mode & 0o777).toBe(0o600);
  });

  it('is rotated, and goes on behind the last line of a rotated one', async () => {
    const { log } = open();
    const first = start(log, 4_000);
    for (let n = 0; n < 10; n += 1) {
      await happen(5);
      await until(() => linesOf(file()).at(-1)?.seq === (n + 1) * 5, 'the file is up to date');
    }
    await first.stop();
    const names = [`${file()}.2`, `${file()}.1`, file()];
    const seqs = names.flatMap(linesOf).map((event) => event.seq);
    expect(seqs).toEqual(Array.from({ length: seqs.length }, (_, n) => 50 - seqs.length + n + 1));
    expect(existsSync(`${file()}.3`)).toBe(false);
    for (const name of names) expect(statSync(name).size).toBeLessThanOrEqual(4_000);
    rmSync(file());
    start(log, 4_000);
    await happen(1);
    await until(() => linesOf(file()).at(-1)?.seq === 51, 'it goes on');
    expect(linesOf(file())[0]?.seq).toBe((linesOf(`${file()}.1`).at(-1)?.seq ?? 0) + 1);
  });
});

it('are in the stream of a real node, and resumed by id', async () => {
  const api: ApiNode = await startApiNode({ settings: { 'events.file': join(directory, 'all.jsonl') } });
  cleanUps.push(() => api.stop());
  const token = await api.setUp();
  const { localEvents } = api.node.cluster;
  const stop = new AbortController();
  cleanUps.push(() => stop.abort());
  async function listen(lastId?: string) {
    const headers = { authorization: `Bearer ${token}`, ...(lastId === undefined ? {} : { 'last-event-id': lastId }) };
    const response = await fetch(`${api.url}/v1/events/stream?namespace=state`, { headers, signal: stop.signal });
    const seen = { ids: [] as string[], messages: [] as string[] };
    void (async () => {
      let text = '';
      for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
        text += Buffer.from(chunk).toString('utf8');
        const matches = [...text.matchAll(/^id: (\S+)\nevent: event\ndata: (.*)$/gm)];
        seen.ids = matches.map((match) => match[1] ?? '');
        seen.messages = matches.map((match) => (JSON.parse(match[2] ?? '{}') as QuorateEvent).message);
      }
    })().catch(() => {});
    return seen;
  }
  const first = await listen();
  for (const message of ['one', 'two', 'three']) localEvents.record('state.ro', message);
  await until(() => first.messages.length === 3, 'live local events arrive');
  localEvents.record('state.rw', 'four');
  const second = await listen(first.ids[1]);
  await until(() => second.messages.length >= 2, 'the missed ones arrive');
  expect(second.messages).toEqual(['three', 'four']);
  const wrong = await api.call('GET', '/v1/events/stream', { token, headers: { 'last-event-id': '7.x' } });
  expect(wrong).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
  await until(() => readFileSync(join(directory, 'all.jsonl'), 'utf8').includes('"four"'), 'the file has it, too');
});
