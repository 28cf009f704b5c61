import type { ReadableStreamController, UnderlyingSource } from 'node:stream/web';
import { passesFilter, type QuorateEvent } from '@quorate/shared/events';
import type { EventBus } from './bus';
import type { EventLog, Place } from './event-log';
import type { EventFilter } from './queries';

export interface EventStreamOptions {
  readonly log: EventLog;
  readonly bus: EventBus;
  readonly filter: EventFilter;
  /** `Last-Event-ID` of a client that resumes; undefined = from now on. */
  readonly resume: { readonly seq: number; readonly local: number | undefined } | undefined;
  /** Called when the stream is over, however it ended. */
  readonly onEnd?: () => void;
  /** The live cluster view as JSON; sent at once and whenever it changes. */
  readonly clusterView: () => string;
  readonly signal: AbortSignal;
}

/** A stream is ended after this time; clients reconnect by themselves and are authenticated anew. */
const MAX_STREAM_MS = 10 * 60_000;
const VIEW_INTERVAL_MS = 1_000;
/** Proxies cut silent connections; a comment now and then keeps them open. */
const HEARTBEAT_EVERY = 15;
/** Missed events are read a page at a time, as fast as the client takes them. */
const PAGE = 200;
/** Messages that wait for a client. Beyond it events wait in the state, and are read again when the client has taken these. */
const MAX_WAITING = 16;

type Controller = ReadableStreamController<Uint8Array>;

const encoder = new TextEncoder();
const eventText = (place: Place, event: QuorateEvent): string =>
  `id: ${place.seq}.${place.local}\nevent: event\ndata: ${JSON.stringify(event)}\n\n`;

/** Server-sent events: the missed ones, then live ones, in order and without gaps, plus the cluster view. */
export function openEventStream(options: EventStreamOptions): Response {
  const stream = new ReadableStream<Uint8Array>(createSource(options), { highWaterMark: MAX_WAITING });
  const headers = { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' };
  return new Response(stream, { headers });
}

function createSource(options: EventStreamOptions): UnderlyingSource<Uint8Array> {
  const { log, bus, filter, signal, resume } = options;
  const undo: (() => void)[] = [];
  /** Everything up to here was sent, or is not for this client. */
  let sent = resume?.seq ?? log.lastSeq();
  let sentLocal = resume?.local ?? log.local.position();
  let live = false;
  let closed = false;

  function close(controller?: Controller): void {
    if (closed) return;
    closed = true;
    for (const step of undo) step();
    options.onEnd?.();
    controller?.close();
  }

  function send(controller: Controller, text: string): void {
    if (!closed) controller.enqueue(encoder.encode(text));
  }

  const takes = (controller: Controller): boolean => (controller.desiredSize ?? 0) > 0;

  /** Whether an event that comes now can be sent; if not, it is left to the next page. */
  function keepsUp(controller: Controller): boolean {
    live &&= takes(controller);
    return live;
  }

  /** Sends the next page of what was missed; live once there is nothing more. No await: no event slips between. */
  function catchUp(controller: Controller): void {
    const upTo = log.lastSeq();
    for (const event of page()) sendDomain(controller, event);
    if (!live) return;
    sent = Math.max(sent, upTo);
    for (const { position, event } of log.local.after(sentLocal)) sendLocal(controller, position, event);
  }

  function page(): QuorateEvent[] {
    const events = log.after(filter, sent, PAGE);
    live = events.length < PAGE;
    return events;
  }

  function sendDomain(controller: Controller, event: QuorateEvent): void {
    sent = event.seq;
    if (passesFilter(event, filter)) send(controller, eventText({ seq: sent, local: sentLocal }, event));
  }

  function sendLocal(controller: Controller, position: number, event: QuorateEvent): void {
    sentLocal = position;
    if (passesFilter(event, filter)) send(controller, eventText({ seq: sent, local: sentLocal }, event));
  }

  return {
    start(controller) {
      send(controller, 'retry: 1000\n\n');
      undo.push(
        bus.subscribe((event) => {
          if (!keepsUp(controller)) return;
          // Events that came inside an installed snapshot were never announced: the client resumes and gets them.
          if (event.seq > sent + 1) return close(controller);
          sendDomain(controller, log.view(event));
        }),
        log.local.subscribe(({ position, event }) => {
          if (keepsUp(controller)) sendLocal(controller, position, event);
        }),
      );
      const sendView = createViewSender(options.clusterView, (text) => send(controller, text));
      // From a timer nobody would catch a failing view; the client connects again and is told what is wrong.
      const ticker = setInterval(() => {
        if (takes(controller) && !sendView()) close(controller);
      }, VIEW_INTERVAL_MS);
      const end = setTimeout(() => close(controller), MAX_STREAM_MS);
      const onAbort = (): void => close(controller);
      signal.addEventListener('abort', onAbort, { once: true });
      undo.push(
        () => clearInterval(ticker),
        () => clearTimeout(end),
        () => signal.removeEventListener('abort', onAbort),
      );
      catchUp(controller);
      if (!sendView() || signal.aborted) close(controller);
    },
    pull(controller) {
      if (!live && !closed) catchUp(controller);
    },
    cancel: () => close(),
  };
}

/** Sends the view when it changed, else a sign of life now and then. False when there is no view to be had. */
function createViewSender(view: () => string, send: (text: string) => void): () => boolean {
  let last = '';
  let ticks = 0;
  return () => {
    let next: string;
    try {
      next = view();
    } catch {
      return false;
    }
    if (next !== last) {
      last = next;
      send(`event: cluster\ndata: ${next}\n\n`);
    } else if (ticks % HEARTBEAT_EVERY === 0) {
      send(': still here\n\n');
    }
    ticks += 1;
    return true;
  };
}

/** One view for all streams: making it anew for each of them each second would cost more than all else. */
export function shareView(make: () => string): () => string {
  let made: { readonly text: string; readonly at: number } | undefined;
  return () => {
    const now = performance.now();
    if (!made || now - made.at >= VIEW_INTERVAL_MS / 2) made = { text: make(), at: now };
    return made.text;
  };
}
