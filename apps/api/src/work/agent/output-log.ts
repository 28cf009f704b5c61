import { closeSync, existsSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';

/** The beginning is worth keeping, and the end more so. */
const HEAD_BYTES = 256 * 1024;
const SEGMENT_BYTES = 384 * 1024;
export const TAIL_BYTES = 16 * 1024;

/** What a program wrote, bounded: the first 256 KiB and at least the last 384 KiB of it, in up to three files. */
export interface OutputLog {
  /** Bytes written so far, kept or not. */
  readonly total: number;
  write(chunk: Buffer): void;
  close(): void;
}

/** Writes to `path`, `path.1` (older) and `path.2` (newer). */
export function createOutputLog(path: string): OutputLog {
  removeOutput(path);
  let total = 0;
  let segmentBytes = 0;
  const head = openSync(path, 'w', 0o600);
  let segment: number | undefined;

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

  return {
    get total() {
      return total;
    },
    write(chunk) {
      const room = Math.max(0, HEAD_BYTES - total);
      total += chunk.length;
      if (room > 0) writeSync(head, chunk.subarray(0, room));
      if (chunk.length > room) intoSegments(chunk.subarray(room));
    },
    close() {
      closeSync(head);
      if (segment !== undefined) closeSync(segment);
    },
  };
}

const bytesOf = (path: string): Buffer => (existsSync(path) ? readFileSync(path) : Buffer.alloc(0));

/** What is kept, with a line where something was left out. `total`: of the writer, to tell whether something was. */
export function readOutput(path: string, total: number): Buffer {
  const head = bytesOf(path);
  const end = Buffer.concat([bytesOf(`${path}.1`), bytesOf(`${path}.2`)]);
  const missing = total - head.length - end.length;
  const gap = missing > 0 ? Buffer.from(`\n[${missing} bytes left out]\n`) : Buffer.alloc(0);
  return Buffer.concat([head, gap, end]);
}

/** The end of it as text, at most 16 KiB, without a cut character at its beginning. */
export function readTail(path: string, total: number): string {
  const all = readOutput(path, total);
  const tail = all.subarray(Math.max(0, all.length - TAIL_BYTES));
  const firstWhole = tail.findIndex((byte) => (byte & 0xc0) !== 0x80);
  return tail.subarray(Math.max(0, firstWhole)).toString('utf8');
}

export function removeOutput(path: string): void {
  for (const suffix of ['', '.1', '.2']) rmSync(path + suffix, { force: true });
}
