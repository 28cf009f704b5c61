import {
  closeSync,
  constants,
  ftruncateSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { jobEndSchema } from '@quorate/shared/runner-protocol';
import { z } from 'zod';
import type { Logger } from '../../lib/logger';

/** What is on disk of an attempt: before its program is started, once it runs, and once it has ended. */
const recordSchema = z.object({
  pid: z.int().nullable(),
  startTime: z.string(),
  total: z.int(),
  /** Whether its program was started, for all that is known. */
  began: z.boolean(),
  end: jobEndSchema.nullable(),
});
export type AttemptRecord = z.infer<typeof recordSchema>;

export const BEGUN: AttemptRecord = { pid: null, startTime: '', total: 0, began: true, end: null };

/** One file for all attempts of a runner. The names hold no space, and are ordered by time. */
export interface AttemptRecords {
  /** A part could not be read: there may have been attempts that are not known here. */
  readonly damaged: boolean;
  /** In the order of their newest words. */
  names(): string[];
  /** The newest word on it. Undefined: it was never begun. What cannot be read tells no end. */
  load(name: string): AttemptRecord | undefined;
  /** @throws Error of the system: then the one before counts */
  write(name: string, record: AttemptRecord): void;
  /** @throws Error of the system: they are forgotten all the same, until the file is read again */
  forget(names: ReadonlySet<string>): void;
  /** Drops what cannot be read. @throws Error of the system */
  mend(): void;
}

/** Where the newest line of an attempt is, bytes. */
interface Place {
  readonly offset: number;
  readonly length: number;
}

const FILE = 'attempts.log';
const LINE_END = 0x0a;
/** Lines that do not count any more are dropped once they take more than the others and this, bytes. */
const SLACK_BYTES = 256 * 1024;
const MODE = 0o600;

/**
 * Lines of a name and its record; the last one counts. Whole after a kill -9: a line is one write. Not synced: a power cut
 * ends the programs, too, and is told by the boot id. One file, since each new name in a directory waits for the disk that
 * the log is synced to, and costs more than a short job.
 *
 * @throws Error of the system when the file cannot be opened
 */
export function openAttemptRecords(dir: string, logger: Logger): AttemptRecords {
  const path = join(dir, FILE);
  let file = openSync(path, constants.O_RDWR | constants.O_CREAT, MODE);
  const places = new Map<string, Place>();
  let size = 0;
  let live = 0;
  let damaged = false;

  /** The next `length` bytes are the newest word on it. */
  function place(name: string, length: number): void {
    live += length - (places.get(name)?.length ?? 0);
    places.delete(name);
    places.set(name, { offset: size, length });
    size += length;
  }

  /**
   * A line without its end was never written whole, so nothing was done by it: whatever was begun has a line before. What
   * cannot be read otherwise tells of an attempt without an end, if it tells its name.
   */
  function readLines(): void {
    const bytes = readFileSync(file);
    for (let end = bytes.indexOf(LINE_END); end !== -1; end = bytes.indexOf(LINE_END, size)) {
      const line = bytes.subarray(size, end + 1);
      const space = line.indexOf(' ');
      if (space > 0) place(line.toString('utf8', 0, space), line.length);
      else {
        damaged = true;
        size += line.length;
      }
    }
    if (damaged) logger.warn({ path }, 'what is known of jobs cannot be read whole');
    if (size < bytes.length) ftruncateSync(file, size);
  }

  /** At `size`. @throws Error of the system: nothing was written then */
  function append(line: Buffer): void {
    if (writeSync(file, line, 0, line.length, size) === line.length) return;
    ftruncateSync(file, size);
    throw noSpace();
  }

  function lineOf({ offset, length }: Place): Buffer {
    const line = Buffer.alloc(length);
    readSync(file, line, 0, length, offset);
    return line;
  }

  function load(name: string): AttemptRecord | undefined {
    const known = places.get(name);
    if (!known) return undefined;
    try {
      return recordSchema.parse(JSON.parse(lineOf(known).toString('utf8', name.length + 1)));
    } catch (error) {
      logger.warn({ err: error, attempt: name }, 'what is known of a job cannot be read');
      return BEGUN;
    }
  }

  /** Writes those that count into a new file, which takes the place of this one when it is whole. */
  function rewrite(): void {
    const lines = [...places].map(([name, at]) => [name, lineOf(at)] as const);
    const next = openSync(`${path}.new`, 'w+', MODE);
    const bytes = Buffer.concat(lines.map(([, line]) => line));
    try {
      if (writeSync(next, bytes, 0, bytes.length, 0) < bytes.length) throw noSpace();
      renameSync(`${path}.new`, path);
    } catch (error) {
      closeSync(next);
      rmSync(`${path}.new`, { force: true });
      throw error;
    }
    closeSync(file);
    file = next;
    size = 0;
    live = 0;
    places.clear();
    for (const [name, line] of lines) place(name, line.length);
  }

  readLines();
  return {
    get damaged() {
      return damaged;
    },
    names: () => [...places.keys()],
    load,
    write(name, record) {
      const line = Buffer.from(`${name} ${JSON.stringify(record)}\n`);
      append(line);
      place(name, line.length);
    },
    forget(names) {
      for (const name of names) {
        live -= places.get(name)?.length ?? 0;
        places.delete(name);
      }
      if (size > 2 * live + SLACK_BYTES) rewrite();
    },
    mend() {
      if (damaged) rewrite();
      damaged = false;
    },
  };
}

const noSpace = (): NodeJS.ErrnoException => Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
