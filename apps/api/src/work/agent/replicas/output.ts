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
} from 'node:fs';
import { join } from 'node:path';
import { type Part, readKept, sizeOf, textFrom } from '../kept-output';

/** Beyond this the file is emptied, and the end of it kept beside it. */
const FULL_BYTES = 512 * 1024;
const KEPT_BYTES = 384 * 1024;

/**
 * What a replica wrote, bounded: the last 384 KiB at least. The program appends to `path` itself, whether anybody watches or
 * not; `bound` is to be called often. Offsets count from the first byte that was ever written, and outlive a restart.
 */
export interface ReplicaOutput {
  readonly path: string;
  /** Bytes written so far, kept or not. */
  readonly total: number;
  /** Empties the file when it is full. What is written meanwhile is lost, and counted as well as can be. @returns whether it was */
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

export function openOutput(dir: string): ReplicaOutput {
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
        older = empty(dir, fd, older);
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
function empty(dir: string, fd: number, older: Older | undefined): Older {
  const base = older?.base ?? 0;
  const before = fstatSync(fd).size;
  const kept = Buffer.alloc(Math.min(KEPT_BYTES, before));
  const length = readSync(fd, kept, 0, kept.length, before - kept.length);
  const aside = join(dir, 'output.new');
  try {
    writeFileSync(aside, kept.subarray(0, length), { mode: 0o600 });
  } catch {
    rmSync(aside, { force: true });
  }
  const next = { from: base + before - kept.length, base: base + fstatSync(fd).size };
  ftruncateSync(fd, 0);
  const path = join(dir, `output.${next.from}-${next.base}`);
  if (existsSync(aside)) renameSync(aside, path);
  else writeFileSync(path, '', { mode: 0o600 });
  if (older && older.path !== path) rmSync(older.path, { force: true });
  return { ...next, path };
}

function newestOlder(dir: string): Older | undefined {
  if (!existsSync(dir)) return undefined;
  const found = readdirSync(dir).flatMap((name) => {
    const match = OLDER.exec(name);
    return match ? [{ path: join(dir, name), from: Number(match[1]), base: Number(match[2]) }] : [];
  });
  return found.sort((a, b) => b.base - a.base)[0];
}
