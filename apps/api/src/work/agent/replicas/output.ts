import {
  appendFileSync,
  closeSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { type Part, readKept, sizeOf, textFrom } from '../kept-output';

/** Beyond this the file is emptied, and the end of it kept beside it. */
const FULL_BYTES = 512 * 1024;
const KEPT_BYTES = 384 * 1024;
/** While its end is copied, more may be written: so often that is copied, too, and so much of it at once. */
const MAX_ROUNDS = 8;
const MAX_GROWN_BYTES = 64 * 1024;

/**
 * What a replica wrote, bounded: the last 384 KiB at least. The program appends to `path` itself, whether anybody watches or
 * not; `bound` is to be called often. Offsets count from the first byte that was ever written, and outlive a restart.
 */
export interface ReplicaOutput {
  readonly path: string;
  /** Bytes written so far, kept or not. */
  readonly total: number;
  /**
   * Empties the file when it is full. What is written between the last look at it and that, a few microseconds, is lost; of a
   * program that does not pause, what it writes while its output is copied. @returns whether it was full
   */
  bound(): boolean;
  /** Adds a line of the runner's own. */
  note(line: string): void;
  /** From `offset`, or from where something is kept; empty at the end. */
  read(offset: number, maxBytes: number): { readonly offset: number; readonly data: Buffer };
  /** The end of what was written since `offset`, without a cut character at its beginning. */
  tail(offset: number, maxBytes: number): string;
}

/** The part before the file: its name says where it begins, and where the file does. */
const OLDER = /^output\.(\d+)-(\d+)$/;

/** `onCopied`, for tests: called when a part of the end was copied. */
export function openOutput(dir: string, onCopied: () => void = () => undefined): ReplicaOutput {
  const path = join(dir, 'output');
  let older = newestOlder(dir);

  function parts(): Part[] {
    const base = older?.base ?? 0;
    const before = older ? [{ path: older.path, start: older.from, bytes: sizeOf(older.path) }] : [];
    return [...before, { path, start: base, bytes: sizeOf(path) }];
  }
  const total = (): number => (older?.base ?? 0) + sizeOf(path);

  return {
    path,
    get total() {
      return total();
    },
    bound() {
      if (sizeOf(path) <= FULL_BYTES) return false;
      const fd = openSync(path, 'r+');
      try {
        older = empty(dir, fd, older, onCopied);
      } finally {
        closeSync(fd);
      }
      return true;
    },
    note: (line) => appendFileSync(path, `${line}\n`, { mode: 0o600 }),
    read: (offset, maxBytes) => readKept(parts(), offset, maxBytes),
    tail: (offset, maxBytes) => textFrom(parts(), Math.max(offset, total() - maxBytes)),
  };
}

interface Older {
  readonly path: string;
  readonly from: number;
  readonly base: number;
}

/** Keeps the end of the file beside it, and empties it: also when the end cannot be kept, since the disk may be full. */
function empty(dir: string, fd: number, older: Older | undefined, onCopied: () => void): Older {
  const base = older?.base ?? 0;
  const aside = join(dir, 'output.new');
  let from: number | undefined;
  try {
    from = putAside(fd, aside, onCopied);
  } catch {
    rmSync(aside, { force: true });
  }
  // Nothing may come between these two: what the program writes there is lost.
  const { size } = fstatSync(fd);
  ftruncateSync(fd, 0);
  const next = { from: base + (from ?? size), base: base + size };
  const path = join(dir, `output.${next.from}-${next.base}`);
  if (existsSync(aside)) renameSync(aside, path);
  else writeFileSync(path, '', { mode: 0o600 });
  if (older && older.path !== path) rmSync(older.path, { force: true });
  return { ...next, path };
}

/**
 * Copies the end of a file that grows, until the copy has all of it: often it is the last line that tells why a program ended.
 * It gives up on one that is written to without a pause.
 *
 * @returns from where on the copy holds it @throws Error of the system
 */
function putAside(fd: number, aside: string, onCopied: () => void): number {
  const copy = openSync(aside, 'w', 0o600);
  try {
    let from = 0;
    let to = 0;
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      const { size } = fstatSync(fd);
      if (size === to) break;
      if (size - to > MAX_GROWN_BYTES) {
        ftruncateSync(copy, 0);
        from = Math.max(0, size - KEPT_BYTES);
        to = from;
      }
      const more = Buffer.alloc(size - to);
      const length = readSync(fd, more, 0, more.length, to);
      // Where they belong, so that less than all of it is no hole.
      if (writeSync(copy, more, 0, length, to - from) < length) throw new Error('no space left on device');
      to += length;
      onCopied();
    }
    return from;
  } finally {
    closeSync(copy);
  }
}

function newestOlder(dir: string): Older | undefined {
  if (!existsSync(dir)) return undefined;
  const found = readdirSync(dir).flatMap((name) => {
    const match = OLDER.exec(name);
    return match ? [{ path: join(dir, name), from: Number(match[1]), base: Number(match[2]) }] : [];
  });
  return found.sort((a, b) => b.base - a.base)[0];
}
