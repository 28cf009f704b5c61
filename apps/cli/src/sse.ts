export interface ServerEvent {
  readonly event: string;
  readonly id: string | undefined;
  readonly data: string;
}

/** Bound on one event; a stream that sends more without a blank line is not ours. */
const MAX_EVENT_CHARS = 4 * 1024 * 1024;

/**
 * Splits a body into server-sent events (WHATWG HTML §9.2); comments and `retry` are skipped.
 * @throws Error when one event is larger than 4 MiB
 */
export async function* readEvents(body: AsyncIterable<Uint8Array>): AsyncGenerator<ServerEvent> {
  const decoder = new TextDecoder();
  let pending = '';
  for await (const chunk of body) {
    // A CR at the end may be half of a CRLF: it waits for the next chunk.
    const text = pending + decoder.decode(chunk, { stream: true });
    const held = text.endsWith('\r') ? '\r' : '';
    const blocks = text
      .slice(0, text.length - held.length)
      .replace(/\r\n?/g, '\n')
      .split('\n\n');
    pending = (blocks.pop() ?? '') + held;
    if (pending.length > MAX_EVENT_CHARS) throw new Error('an event of the stream is larger than 4 MiB');
    for (const block of blocks) {
      const parsed = parseBlock(block);
      if (parsed) yield parsed;
    }
  }
}

function parseBlock(block: string): ServerEvent | undefined {
  let event = 'message';
  let id: string | undefined;
  const data: string[] = [];
  for (const line of block.split('\n')) {
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'event') event = value;
    else if (field === 'id') id = value;
    else if (field === 'data') data.push(value);
  }
  return data.length > 0 ? { event, id, data: data.join('\n') } : undefined;
}
