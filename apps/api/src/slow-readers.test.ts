import { connect, type Socket } from 'node:net';
import type { QuorateEvent } from '@quorate/shared/events';
import { afterEach, expect, it } from 'vitest';
import type { RecordedEvent } from './commands/entry-records';
import type { EventBus, EventListener } from './events/bus';
import type { EventLog } from './events/event-log';
import { openEventStream } from './events/sse';
import { type Listener, listenTcp } from './http/listen';
import { until } from './testing/until';
import { createOutputStreams, type StreamedEvent } from './work/output-stream';

// Far more than what the buffers of two sockets on loopback can hold.
const MANY = 6_000;
const FILLER = 'x'.repeat(16 * 1024);
/** So many of these fit into the buffers and into what waits here. */
const FEW = MANY / 2;

let listener: Listener | undefined;
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await listener?.close(0);
  listener = undefined;
});

const listen = async (stalledMs: number, open: (request: Request) => Response | Promise<Response>): Promise<void> => {
  listener = await listenTcp({
    ...{ host: '127.0.0.1', port: 0, tls: undefined, configKey: 'api.address' },
    ...{ stalledMs, fetch: open as never },
  });
};

/** Asks, and reads nothing of the answer. */
async function askAndLeave(): Promise<Socket> {
  const socket = connect(Number(new URL(listener?.url ?? '').port), '127.0.0.1');
  sockets.push(socket);
  socket.on('error', () => undefined);
  socket.pause();
  socket.write('GET / HTTP/1.1\r\nhost: here\r\n\r\n');
  return socket;
}

/** Events that are made when they are looked at, and how many were. */
function endlessEvents() {
  const listeners = new Set<EventListener>();
  const looked = new Set<number>();
  let last = 0;
  const eventAt = (seq: number): QuorateEvent => {
    looked.add(seq);
    return { seq, type: 'user.created', namespace: 'user', message: FILLER } as QuorateEvent;
  };
  const bus: EventBus = {
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  const log = {
    local: { after: () => [], position: () => 0, subscribe: () => () => undefined },
    after: (_filter: object, seq: number, limit: number) =>
      Array.from({ length: Math.min(limit, last - seq) }, (_, n) => eventAt(seq + 1 + n)),
    lastSeq: () => last,
    view: ({ seq }: RecordedEvent) => eventAt(seq),
  } as unknown as EventLog;
  return {
    ...{ bus, log, looked, listeners },
    happen(): void {
      last += 1;
      for (const listener of listeners) listener({ seq: last } as RecordedEvent);
    },
  };
}

it('events wait in the state for a client that does not read, not in memory; it is cut off', async () => {
  const { bus, log, looked, listeners, happen } = endlessEvents();
  let ended = 0;
  await listen(1_000, (request) =>
    openEventStream({
      ...{ log, bus, filter: {}, resume: undefined, clusterView: () => '{}', signal: request.signal },
      onEnd: () => {
        ended += 1;
      },
    }),
  );
  const socket = await askAndLeave();
  await until(() => listeners.size === 1, 'the stream is open');
  for (let n = 0; n < MANY; n += 1) {
    happen();
    if (n % 50 === 0) await new Promise(setImmediate);
  }
  expect(looked.size).toBeLessThan(FEW);
  await until(() => ended === 1, 'the stream is over', 30_000);
  expect(listeners.size).toBe(0);
  socket.resume();
  await until(() => socket.destroyed, 'the connection is over', 30_000);
});

it('output is not asked for on behalf of a client that does not read; it is cut off', async () => {
  const streams = createOutputStreams();
  const ended: number[] = [];
  let asked = 0;
  async function* follow(n: number, signal: AbortSignal): AsyncGenerator<StreamedEvent> {
    signal.addEventListener('abort', () => ended.push(n), { once: true });
    while (asked < MANY && !signal.aborted) {
      asked += 1;
      yield { name: 'output', data: { text: FILLER } };
    }
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  }
  let opened = 0;
  await listen(1_000, (request) => {
    opened += 1;
    const n = opened;
    return streams.open((signal) => follow(n, signal), request.signal);
  });
  const socket = await askAndLeave();
  await until(() => ended.length === 1, 'the stream is over', 30_000);
  expect(asked).toBeLessThan(FEW);
  socket.resume();
  await until(() => socket.destroyed, 'the connection is over', 30_000);
});

it('a client that reads slowly, and an answer that takes its time, are not cut off', async () => {
  const whole = 1_000;
  await listen(1_500, async () => {
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    return new Response(FILLER.repeat(whole));
  });
  const socket = await askAndLeave();
  let bytes = 0;
  socket.on('data', (chunk) => {
    bytes += chunk.length;
    socket.pause();
    setTimeout(() => socket.resume(), 6);
  });
  socket.resume();
  await until(() => bytes > whole * FILLER.length, 'all of it has come', 60_000);
});
