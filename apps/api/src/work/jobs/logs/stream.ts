import { HEADER } from '@quorate/shared/http-headers';
import { CORE_RUNNER } from '@quorate/shared/jobs';
import { DomainError } from '../../../commands/domain-error';
import { findJob } from '../queries';
import { attemptOf, followJob, type LogEvent, type LogPlace, type LogSource } from './follow';

/** A stream is ended after this time; clients reconnect by themselves and are authenticated anew. */
const MAX_STREAM_MS = 10 * 60_000;
/** Proxies cut silent connections; a comment now and then keeps them open. */
const HEARTBEAT_MS = 15_000;
/** A client that takes nothing for so many heartbeats is cut off; it resumes by its last id. */
const MAX_STALLED = 4;
const MAX_STREAMS = 200;

const encoder = new TextEncoder();

function eventText({ name, data, place }: LogEvent): string {
  const id = place ? `id: ${place.attempt}.${place.offset}\n` : '';
  return `${id}event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** `2.1234` of Last-Event-ID: attempt 2, and so many bytes of it. Anything else: from the beginning. */
export function placeOf(header: string | undefined): LogPlace | undefined {
  const found = /^(\d{1,6})\.(\d{1,15})$/.exec(header ?? '');
  return found ? { attempt: Number(found[1]), offset: Number(found[2]) } : undefined;
}

/** Streams of job output of one node. */
export interface LogStreams {
  /** @throws DomainError overloaded */
  follow(id: string, from: LogPlace | undefined, signal: AbortSignal): Response;
  /** What is kept of an attempt by now, byte by byte; default: the last one. @throws DomainError not_found */
  asItIs(id: string, attempt: number | undefined, signal: AbortSignal): Promise<Response>;
}

export function createLogStreams(source: LogSource): LogStreams {
  let open = 0;

  function follow(id: string, from: LogPlace | undefined, signal: AbortSignal): Response {
    if (open >= MAX_STREAMS) {
      throw new DomainError('overloaded', `${MAX_STREAMS} streams of output are open on this node already`, [], 5);
    }
    open += 1;
    const ending = new AbortController();
    const cut = AbortSignal.any([signal, ending.signal]);
    const events = followJob(source, id, from, cut);
    let stalled = 0;
    let heartbeat: NodeJS.Timeout | undefined;
    let limit: NodeJS.Timeout | undefined;
    const close = (): void => {
      if (ending.signal.aborted) return;
      ending.abort();
      clearInterval(heartbeat);
      clearTimeout(limit);
      open -= 1;
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
            const takes = (controller.desiredSize ?? 0) > 0;
            stalled = takes ? 0 : stalled + 1;
            if (stalled >= MAX_STALLED) end();
            else if (takes) controller.enqueue(encoder.encode(': still here\n\n'));
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

  async function asItIs(id: string, wanted: number | undefined, signal: AbortSignal): Promise<Response> {
    const job = findJob(source.db(), id);
    const row = attemptOf(source.db(), id, wanted ?? job.attempt);
    if (wanted !== undefined && !row) throw new DomainError('not_found', `the job has no attempt ${wanted}`);
    const read = (offset: number) =>
      row && row.runnerId !== CORE_RUNNER
        ? source.read(row.runnerId, { id, attempt: row.attempt, offset, wait_ms: 0 }, signal)
        : undefined;
    const first = await read(0);
    const isLast = row === undefined || row.attempt === job.attempt;
    if (!first && !isLast) {
      const runner = source.nameOf(row.runnerId);
      throw new DomainError(
        'not_found',
        `the output of attempt ${row.attempt} is with ${runner}, which has it no more`,
      );
    }
    const headers = { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' };
    if (!first) return new Response(job.outputTail, { headers: { ...headers, [HEADER.output]: 'tail' } });
    const body = createRawStream(first, read);
    return new Response(body, { headers: { ...headers, [HEADER.output]: 'runner' } });
  }

  return { follow, asItIs };
}

type Chunk = NonNullable<Awaited<ReturnType<LogSource['read']>>>;

/** Up to where it was when it was asked for: a program that goes on writing does not make it endless. */
function createRawStream(
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
