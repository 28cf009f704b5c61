import { describe, expect, it } from 'vitest';
import { readEvents } from './sse';

async function* chunks(text: string, size: number): AsyncGenerator<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function read(text: string, size: number) {
  const events = [];
  for await (const event of readEvents(chunks(text, size))) events.push(event);
  return events;
}

const STREAM =
  ': heartbeat\n\nevent: event\nid: 7\ndata: {"a":"é"}\n\nretry: 1000\n\ndata: one\r\ndata:two\r\n\r\nid: 8\nevent: cluster\ndata: {}\n\nevent: cut\ndata: off';

describe('server-sent events', () => {
  it.each([1, 2, 3, 7, 4096])('reads the same events from chunks of %i bytes', async (size) => {
    expect(await read(STREAM, size)).toEqual([
      { event: 'event', id: '7', data: '{"a":"é"}' },
      { event: 'message', id: undefined, data: 'one\ntwo' },
      { event: 'cluster', id: '8', data: '{}' },
    ]);
  });

  it('refuses an endless event', async () => {
    await expect(read(`data: ${'x'.repeat(5 * 1024 * 1024)}`, 65_536)).rejects.toThrow('larger than 4 MiB');
  });
});
