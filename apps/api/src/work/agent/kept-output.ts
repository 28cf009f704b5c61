import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs';

/** A piece of an output that is kept in a file of its own: its first byte is byte `start` of the whole. */
export interface Part {
  readonly path: string;
  readonly start: number;
  readonly bytes: number;
}

export const sizeOf = (path: string): number => (existsSync(path) ? statSync(path).size : 0);

function readPart(path: string, at: number, bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes);
  const file = openSync(path, 'r');
  try {
    return buffer.subarray(0, readSync(file, buffer, 0, bytes, at));
  } finally {
    closeSync(file);
  }
}

/** What is kept from byte `offset` on, of one part, in their order; empty at the end. */
export function readKept(parts: readonly Part[], offset: number, maxBytes: number): { offset: number; data: Buffer } {
  for (const { path, start, bytes } of parts) {
    const end = start + bytes;
    if (bytes === 0 || offset >= end) continue;
    const from = Math.max(offset, start);
    return { offset: from, data: readPart(path, from - start, Math.min(end - from, maxBytes)) };
  }
  return { offset: Math.max(offset, ...parts.map(({ start }) => start)), data: Buffer.alloc(0) };
}

/** What is kept from byte `from` on as text, without a cut character at its beginning. */
export function textFrom(parts: readonly Part[], from: number): string {
  const end = Math.max(0, ...parts.map(({ start, bytes }) => start + bytes));
  const pieces: Buffer[] = [];
  let at = Math.max(0, from);
  while (at < end) {
    const { offset, data } = readKept(parts, at, end - at);
    if (data.length === 0) break;
    pieces.push(data);
    at = offset + data.length;
  }
  const all = Buffer.concat(pieces);
  const firstWhole = from <= 0 ? 0 : all.findIndex((byte) => (byte & 0xc0) !== 0x80);
  return all.subarray(Math.max(0, firstWhole)).toString('utf8');
}
