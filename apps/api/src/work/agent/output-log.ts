import { closeSync, existsSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { MAX_OUTPUT_CHUNK_BYTES, type OutputChunk } from '@quorate/shared/runner-protocol';
import { delay } from '../../lib/async';
import { diskProblem } from './disk-problem';
import { type Part, readKept, sizeOf, textFrom } from './kept-output';

/** The beginning is worth keeping, and the end more so. */
const HEAD_BYTES = 256 * 1024;
const SEGMENT_BYTES = 384 * 1024;
const TAIL_BYTES = 16 * 1024;

/** What a program wrote, bounded: the first 256 KiB and at least the last 384 KiB of it, in up to three files. */
export interface OutputLog {
  /** Bytes written so far, kept or not; up to the problem, if there is one. */
  readonly total: number;
  /** Why nothing is kept any more; empty while all is well. */
  readonly problem: string;
  /** Never throws. */
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
  let problem = '';
  const waiting = new Set<{ readonly offset: number; readonly wake: () => void }>();

  function intoHead(chunk: Buffer): void {
    head ??= openSync(path, 'w', 0o600);
    append(head, chunk);
  }
  /** A disk that becomes full takes a part of it. */
  function append(file: number, bytes: Buffer): void {
    for (let at = 0; at < bytes.length; ) {
      const taken = writeSync(file, bytes, at);
      at += taken;
      total += taken;
    }
  }
  function intoSegments(chunk: Buffer): void {
    segment ??= openSync(`${path}.2`, 'w', 0o600);
    append(segment, chunk);
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
    get problem() {
      return problem;
    },
    write(chunk) {
      if (problem !== '') return;
      const room = Math.max(0, HEAD_BYTES - total);
      try {
        if (room > 0) intoHead(chunk.subarray(0, room));
        if (chunk.length > room) intoSegments(chunk.subarray(room));
      } catch (error) {
        problem = diskProblem(error);
      }
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

/** The files that hold what is kept. `total`: of the writer. */
function partsOf(path: string, total: number): Part[] {
  const [older, newer] = [sizeOf(`${path}.1`), sizeOf(`${path}.2`)];
  return [
    { path, start: 0, bytes: sizeOf(path) },
    { path: `${path}.1`, start: total - newer - older, bytes: older },
    { path: `${path}.2`, start: total - newer, bytes: newer },
  ];
}

/** What is kept from byte `offset` on, at most 64 KiB of it. */
export function outputChunk(path: string, offset: number, total: number, ended: boolean): OutputChunk {
  const found = readKept(partsOf(path, total), offset, MAX_OUTPUT_CHUNK_BYTES);
  return { offset: Math.min(found.offset, total), data: found.data.toString('base64'), total, ended };
}

/** The end of it as text, at most 16 KiB. */
export const readTail = (path: string, total: number): string =>
  total === 0 ? '' : textFrom(partsOf(path, total), total - TAIL_BYTES);

/** @throws Error of the system */
export function removeOutput(path: string): void {
  // The first of them is there if any is.
  if (!existsSync(path)) return;
  for (const suffix of ['.2', '.1', '']) rmSync(path + suffix, { force: true });
}
