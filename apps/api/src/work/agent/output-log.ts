import { closeSync, existsSync, openSync, readSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { MAX_OUTPUT_CHUNK_BYTES, type OutputChunk } from '@quorate/shared/runner-protocol';
import { delay } from '../../lib/async';

/** The beginning is worth keeping, and the end more so. */
const HEAD_BYTES = 256 * 1024;
const SEGMENT_BYTES = 384 * 1024;
export const TAIL_BYTES = 16 * 1024;

/** What a program wrote, bounded: the first 256 KiB and at least the last 384 KiB of it, in up to three files. */
export interface OutputLog {
  /** Bytes written so far, kept or not. */
  readonly total: number;
  write(chunk: Buffer): void;
  /** Resolves when there is more than `offset`, it was closed, or the time is over. */
  waitBeyond(offset: number, waitMs: number): Promise<void>;
  /** Nothing comes any more. */
  close(): void;
}

/** Writes to `path`, `path.1` (older) and `path.2` (newer). */
export function createOutputLog(path: string): OutputLog {
  let total = 0;
  let segmentBytes = 0;
  let head: number | undefined;
  let segment: number | undefined;
  let closed = false;
  const waiting = new Set<{ readonly offset: number; readonly wake: () => void }>();

  function intoHead(chunk: Buffer): void {
    head ??= openSync(path, 'w', 0o600);
    writeSync(head, chunk);
  }
  function intoSegments(chunk: Buffer): void {
    segment ??= openSync(`${path}.2`, 'w', 0o600);
    writeSync(segment, chunk);
    segmentBytes += chunk.length;
    if (segmentBytes < SEGMENT_BYTES) return;
    closeSync(segment);
    renameSync(`${path}.2`, `${path}.1`);
    segment = undefined;
    segmentBytes = 0;
  }
  function wake(): void {
    for (const one of waiting) if (closed || total > one.offset) one.wake();
  }

  return {
    get total() {
      return total;
    },
    write(chunk) {
      const room = Math.max(0, HEAD_BYTES - total);
      total += chunk.length;
      if (room > 0) intoHead(chunk.subarray(0, room));
      if (chunk.length > room) intoSegments(chunk.subarray(room));
      wake();
    },
    async waitBeyond(offset, waitMs) {
      if (closed || total > offset) return;
      const cut = new AbortController();
      const one = { offset, wake: () => cut.abort() };
      waiting.add(one);
      await delay(waitMs, cut.signal);
      waiting.delete(one);
    },
    close() {
      closed = true;
      for (const file of [head, segment]) if (file !== undefined) closeSync(file);
      wake();
    },
  };
}

const sizeOf = (path: string): number => (existsSync(path) ? statSync(path).size : 0);

/** The files that hold what is kept, and where in the whole each of them begins. */
function partsOf(path: string, total: number): { path: string; start: number; bytes: number }[] {
  const head = sizeOf(path);
  const [older, newer] = [sizeOf(`${path}.1`), sizeOf(`${path}.2`)];
  return [
    { path, start: 0, bytes: head },
    { path: `${path}.1`, start: total - newer - older, bytes: older },
    { path: `${path}.2`, start: total - newer, bytes: newer },
  ];
}

function readPart(path: string, at: number, bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes);
  const file = openSync(path, 'r');
  try {
    return buffer.subarray(0, readSync(file, buffer, 0, bytes, at));
  } finally {
    closeSync(file);
  }
}

/** What is kept from byte `offset` on, at most 64 KiB of it. `total`: of the writer. */
export function readOutput(path: string, offset: number, total: number): { offset: number; data: Buffer } {
  for (const part of partsOf(path, total)) {
    const end = part.start + part.bytes;
    if (part.bytes === 0 || offset >= end) continue;
    const from = Math.max(offset, part.start);
    return { offset: from, data: readPart(part.path, from - part.start, Math.min(end - from, MAX_OUTPUT_CHUNK_BYTES)) };
  }
  return { offset: Math.min(offset, total), data: Buffer.alloc(0) };
}

export function outputChunk(path: string, offset: number, total: number, ended: boolean): OutputChunk {
  const found = readOutput(path, offset, total);
  return { offset: found.offset, data: found.data.toString('base64'), total, ended };
}

/** The end of it as text, at most 16 KiB, without a cut character at its beginning. */
export function readTail(path: string, total: number): string {
  if (total === 0) return '';
  const parts: Buffer[] = [];
  for (let at = Math.max(0, total - TAIL_BYTES); at < total; ) {
    const { offset, data } = readOutput(path, at, total);
    if (data.length === 0) break;
    parts.push(data);
    at = offset + data.length;
  }
  const tail = Buffer.concat(parts);
  const isWhole = tail.length === total;
  const firstWhole = isWhole ? 0 : tail.findIndex((byte) => (byte & 0xc0) !== 0x80);
  return tail.subarray(Math.max(0, firstWhole)).toString('utf8');
}

export function removeOutput(path: string): void {
  for (const suffix of ['', '.1', '.2']) rmSync(path + suffix, { force: true });
}
