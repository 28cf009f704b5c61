import { DomainError } from '../commands/domain-error';
import type { LogPlace, LogSource } from './jobs/logs/follow';

/** A stream is ended after this time; clients reconnect by themselves and are authenticated anew. */
const MAX_STREAM_MS = 10 * 60_000;
/** Proxies cut silent connections; a comment now and then keeps them open. */
const HEARTBEAT_MS = 15_000;
const MAX_STREAMS = 200;

const encoder = new TextEncoder();

/** One event of a stream of output; `place`: where it leaves the reader. */
export interface StreamedEvent {
  readonly name: string;
  readonly data: unknown;
  readonly place?: LogPlace;
}

/** Streams of output of one node, so many at once. */
export interface OutputStreams {
  /** Asks for the next event only when the client has taken the one before. @throws DomainError overloaded */
  open(follow: (signal: AbortSignal) => AsyncGenerator<StreamedEvent>, signal: AbortSignal): Response;
}

function eventText({ name, data, place }: StreamedEvent): string {
  const id = place ? `id: ${place.attempt}.${place.offset}\n` : '';
  return `${id}event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}

export function createOutputStreams(): OutputStreams {
  let streams = 0;

  function open(follow: (signal: AbortSignal) => AsyncGenerator<StreamedEvent>, signal: AbortSignal): Response {
    if (streams >= MAX_STREAMS) {
      throw new DomainError('overloaded', `${MAX_STREAMS} streams of output are open on this node already`, [], 5);
    }
    streams += 1;
    const ending = new AbortController();
    const cut = AbortSignal.any([signal, ending.signal]);
    const events = follow(cut);
    let heartbeat: NodeJS.Timeout | undefined;
    let limit: NodeJS.Timeout | undefined;
    const close = (): void => {
      if (ending.signal.aborted) return;
      ending.abort();
      clearInterval(heartbeat);
      clearTimeout(limit);
      streams -= 1;
    };
    const stream = new ReadableStream<Uint8Array>(
      {
        start(controller) {
          controller.enqueue(encoder.encode('retry: 1000\n\n'));
          const end = (): void => {
            if (ending.signal.aborted) return;
            close();
            controller.close();
          };
          heartbeat = setInterval(() => {
            if ((controller.desiredSize ?? 0) > 0) controller.enqueue(encoder.encode(': still here\n\n'));
          }, HEARTBEAT_MS);
          limit = setTimeout(end, MAX_STREAM_MS);
          signal.addEventListener('abort', end, { once: true });
        },
        // Called when the client has taken what was sent: nothing piles up here, nor at the runner.
        async pull(controller) {
          const next = await events.next();
          if (ending.signal.aborted) return;
          if (!next.done) return controller.enqueue(encoder.encode(eventText(next.value)));
          close();
          controller.close();
        },
        cancel: close,
      },
      { highWaterMark: 2 },
    );
    const headers = { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' };
    return new Response(stream, { headers });
  }

  return { open };
}

type Chunk = NonNullable<Awaited<ReturnType<LogSource['read']>>>;

/** Up to where it was when it was asked for: a program that goes on writing does not make it endless. */
export function createRawStream(
  first: Chunk,
  read: (offset: number) => Promise<Chunk | undefined> | undefined,
): ReadableStream<Uint8Array> {
  let at = 0;
  let next: Chunk | undefined = first;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const chunk = next ?? (await read(at));
      next = undefined;
      const data = Buffer.from(chunk?.data ?? '', 'base64');
      if (chunk && chunk.offset > at) controller.enqueue(encoder.encode(`\n[${chunk.offset - at} bytes left out]\n`));
      if (chunk && data.length > 0) {
        controller.enqueue(data);
        at = chunk.offset + data.length;
      }
      if (!chunk || data.length === 0 || at >= first.total) controller.close();
    },
  });
}
