import { constants, createWriteStream, existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { DomainError } from '../../commands/domain-error';
import { uuidv7 } from '../../lib/ids';
import { requireDiskSpace } from './disk-space';

/** Where restores keep their files: on the same file system as the state, so that a rename can put one in its place. */
export const restoreDirOf = (dataDir: string): string => join(dataDir, 'restore');

/** The largest file that is taken: far above any state that fits the design. */
const MAX_FILE_BYTES = 64 * 1024 ** 3;
const CHECK_EVERY_BYTES = 16 * 1024 ** 2;
/** Copies from before a restore that are kept, of each kind. */
const KEPT_COPIES = 2;
const STAGED_MS = 24 * 60 * 60_000;

export interface RestoreDirectory {
  readonly path: string;
  /** A file for work in progress; gone after a restart. */
  temporary(): string;
  staged(sha256: string): string;
  /** Where a copy of the state from before goes. */
  safetyCopy(atMs: number): string;
  /** The exact state that a restore replaced. */
  replaced(epoch: number, index: number): string;
  /** @throws DomainError disk_space */
  requireSpace(bytes: number, what: string): void;
  /** Stores a stream, up to the disk's and our own limit. @throws DomainError disk_space, body_too_large */
  receive(stream: ReadableStream<Uint8Array>, path: string, signal: AbortSignal): Promise<void>;
  /** Copies a file, with its WAL where it has one. */
  copyIn(from: string, to: string): Promise<void>;
  removeStaged(): void;
  /** Removes what a killed process left. For use while nothing is under way. */
  tidy(): void;
  /** Keeps the newest copies of replaced states. */
  removeOldCopies(): void;
}

export function openRestoreDirectory(dataDir: string): RestoreDirectory {
  const path = restoreDirOf(dataDir);
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const requireSpace = (bytes: number, what: string): void => requireDiskSpace(path, bytes, what);

  function bounded(): Transform {
    let total = 0;
    let checked = 0;
    return new Transform({
      transform(chunk: Uint8Array, _encoding, done) {
        total += chunk.byteLength;
        try {
          if (total > MAX_FILE_BYTES) {
            throw new DomainError('body_too_large', `the file is over ${MAX_FILE_BYTES} bytes; that is no state file`);
          }
          if (total - checked > CHECK_EVERY_BYTES) {
            checked = total;
            requireSpace(0, 'the file');
          }
          done(null, chunk);
        } catch (error) {
          done(error as Error);
        }
      },
    });
  }

  /** Staged for a restore that never came to its switch. */
  const isStale = (file: string): boolean =>
    file.startsWith('staged-') && Date.now() - statSync(join(path, file)).mtimeMs > STAGED_MS;
  const remove = (file: string): void => rmSync(join(path, file), { force: true });

  return {
    path,
    temporary: () => join(path, `work-${uuidv7()}.db`),
    staged: (sha256) => join(path, `staged-${sha256}.db`),
    safetyCopy: (atMs) => join(path, `before-${new Date(atMs).toISOString().replaceAll(/[-:]|\.\d+/g, '')}.db`),
    replaced: (epoch, index) => join(path, `replaced-${String(epoch).padStart(6, '0')}-${index}.db`),
    requireSpace,
    async receive(stream, to, signal) {
      requireSpace(0, 'the file');
      const sink = createWriteStream(to, { mode: 0o600 });
      await pipeline(Readable.fromWeb(stream as never), bounded(), sink, { signal });
    },
    async copyIn(from, to) {
      requireSpace(statSync(from).size, 'the copy of the file');
      await copyFile(from, to, constants.COPYFILE_FICLONE);
      const wal = `${from}-wal`;
      if (existsSync(wal) && statSync(wal).size > 0) await copyFile(wal, `${to}-wal`, constants.COPYFILE_FICLONE);
    },
    removeStaged() {
      for (const file of readdirSync(path)) if (file.startsWith('staged-')) remove(file);
    },
    tidy() {
      for (const file of readdirSync(path)) {
        if (/^work-|-(wal|shm)$/.test(file) || isStale(file)) remove(file);
      }
    },
    removeOldCopies() {
      const files = readdirSync(path).sort();
      for (const prefix of ['before-', 'replaced-']) {
        const copies = files.filter((file) => file.startsWith(prefix) && file.endsWith('.db'));
        for (const file of copies.slice(0, Math.max(0, copies.length - KEPT_COPIES))) remove(file);
      }
    },
  };
}
