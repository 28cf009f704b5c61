import type { StateDb } from '../db/state-store';
import type { EventBus } from './bus';
import { type EventFilter, eventsAfter, matchesFilter, viewEvent } from './queries';

export interface EventStreamOptions {
  readonly db: StateDb;
  readonly bus: EventBus;
  readonly filter: EventFilter;
  /** `Last-Event-ID` of a client that resumes; undefined = from now on. */
  readonly lastSeq: number | undefined;
  /** The live cluster view as JSON; sent at once and whenever it changes. */
  readonly clusterView: () => string;
  readonly signal: AbortSignal;
}

/** A stream is ended after this time; clients reconnect by themselves and are authenticated anew. */
const MAX_STREAM_MS = 10 * 60_000;
const VIEW_INTERVAL_MS = 1_000;
/** Proxies cut silent connections; a comment now and then keeps them open. */
const HEARTBEAT_EVERY = 15;
const MAX_BACKLOG = 5_000;
/** A client that does not read is cut off; it resumes by its last id. */
const MAX_UNREAD_CHUNKS = 2_000;

/** Server-sent events: the missed ones, then live ones, in order and without gaps, plus the cluster view. */
export function openEventStream(options: EventStreamOptions): Response {
  const { bus, filter, signal } = options;
  const encoder = new TextEncoder();
  let cleanUp = (): void => {};

  const stream = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const send = (text: string): void => {
          if ((controller.desiredSize ?? 0) < -MAX_UNREAD_CHUNKS) cleanUp();
          else controller.enqueue(encoder.encode(text));
        };
        const sendEvent = (event: { seq: number }): void => {
          send(`id: ${event.seq}\nevent: event\ndata: ${JSON.stringify(event)}\n\n`);
        };
        send('retry: 1000\n\n');
        if (options.lastSeq !== undefined) {
          for (const event of eventsAfter(options.db, filter, options.lastSeq, MAX_BACKLOG)) sendEvent(event);
        }
        const unsubscribe = bus.subscribe((event) => {
          if (matchesFilter(event, filter)) sendEvent(viewEvent(event));
        });
        const ticker = startViewTicker(options.clusterView, send);
        const end = setTimeout(() => cleanUp(), MAX_STREAM_MS);
        cleanUp = () => {
          unsubscribe();
          clearInterval(ticker);
          clearTimeout(end);
          cleanUp = () => {};
          try {
            controller.close();
          } catch {
            // The client closed it first.
          }
        };
        signal.addEventListener('abort', () => cleanUp(), { once: true });
      },
      cancel: () => cleanUp(),
    },
    { highWaterMark: 16 },
  );
  const headers = { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' };
  return new Response(stream, { headers });
}

function startViewTicker(view: () => string, send: (text: string) => void): NodeJS.Timeout {
  let last = '';
  let ticks = 0;
  const tick = (): void => {
    const next = view();
    if (next !== last) {
      last = next;
      send(`event: cluster\ndata: ${next}\n\n`);
    } else if (ticks % HEARTBEAT_EVERY === 0) {
      send(': still here\n\n');
    }
    ticks += 1;
  };
  tick();
  return setInterval(tick, VIEW_INTERVAL_MS);
}
