import { eventRoutes, eventSchema, type QuorateEvent } from '@quorate/shared/events';
import type { Daemon } from './daemon';

export interface EventStream {
  /** Events received so far, in order. */
  readonly events: readonly QuorateEvent[];
  /** Resolves when the stream is over, by whoever ended it. */
  readonly over: Promise<void>;
  close(): void;
}

/** Opens the event stream of a node; `lastSeq` resumes after an event that another node may have sent. */
export async function openEvents(node: Daemon, token: string, lastSeq?: number): Promise<EventStream> {
  const abort = new AbortController();
  const headers = {
    authorization: `Bearer ${token}`,
    accept: 'text/event-stream',
    ...(lastSeq === undefined ? {} : { 'last-event-id': String(lastSeq) }),
  };
  const { fetch } = node.connection();
  const response = await fetch(node.url + eventRoutes.stream.path, { headers, signal: abort.signal });
  if (!response.ok || !response.body) throw new Error(`the event stream answered ${response.status}`);
  const events: QuorateEvent[] = [];
  const over = readBlocks(response.body, (block) => {
    const field = (name: string): string | undefined => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1];
    if (field('event') === 'event') events.push(eventSchema.parse(JSON.parse(field('data') ?? '')));
  });
  return { events, over, close: () => abort.abort() };
}

async function readBlocks(body: ReadableStream<Uint8Array>, onBlock: (block: string) => void): Promise<void> {
  const decoder = new TextDecoder();
  let rest = '';
  try {
    for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) {
      const blocks = (rest + decoder.decode(chunk, { stream: true })).split('\n\n');
      rest = blocks.pop() ?? '';
      for (const block of blocks) onBlock(block);
    }
  } catch {
    // Ended by close() or by the death of the node.
  }
}
