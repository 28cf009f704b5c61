import { setTimeout as sleep } from 'node:timers/promises';
import { ApiError, errorOf } from '@quorate/shared/client';
import { eventRoutes } from '@quorate/shared/events';
import type { Invocation } from './invocation';
import { readEvents, type ServerEvent } from './sse';
import { explain, TransportError } from './transport';

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 10_000;

/** Errors that waiting does not heal. */
const isFinal = (error: unknown): boolean => error instanceof ApiError && error.status >= 400 && error.status < 500;

/** The cluster's event stream, until Ctrl-C: see {@link followStream}. */
export async function* followEvents(
  inv: Invocation,
  query: { type?: string | undefined; namespace?: string | undefined; source?: number | undefined },
  afterSeq?: number,
): AsyncGenerator<ServerEvent> {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) if (value) search.set(key, String(value));
  const path = search.size > 0 ? `${eventRoutes.stream.path}?${search}` : eventRoutes.stream.path;
  yield* followStream(inv, path, afterSeq === undefined ? undefined : String(afterSeq));
}

/**
 * A stream of server-sent events, resumed by Last-Event-ID on the next node whenever it breaks, until Ctrl-C.
 * The first connection must succeed; later failures are told on stderr once each. A stream that
 * simply ends (servers end them now and then, to authenticate anew) is opened again without a word.
 * @throws ApiError when refused, TransportError when no node can be reached at the start
 */
export async function* followStream(inv: Invocation, path: string, afterId?: string): AsyncGenerator<ServerEvent> {
  let lastId = afterId;
  let connectedOnce = false;
  let waitMs = FIRST_WAIT_MS;
  let told = false;
  while (!inv.io.signal.aborted) {
    try {
      const headers = { accept: 'text/event-stream', ...(lastId ? { 'last-event-id': lastId } : {}) };
      const response = await inv.open(path, headers);
      if (!response.ok || !response.body) throw await errorOf(response);
      if (told) inv.note('connected again');
      connectedOnce = true;
      told = false;
      waitMs = FIRST_WAIT_MS;
      for await (const event of readEvents(response.body)) {
        if (event.id !== undefined) lastId = event.id;
        yield event;
      }
    } catch (error) {
      if (inv.io.signal.aborted) return;
      if (!connectedOnce || isFinal(error)) throw error;
      const why = error instanceof TransportError || error instanceof ApiError ? error.message : explain(error).words;
      if (!told) inv.warn(`the stream broke (${why}); connecting again`);
      told = true;
    }
    await sleep(waitMs, undefined, { signal: inv.io.signal }).catch(() => undefined);
    waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS);
  }
}
