import { closeSync, openSync, readdirSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { jobEndSchema } from '@quorate/shared/runner-protocol';
import { z } from 'zod';
import type { Logger } from '../../lib/logger';

/** What is on disk of an attempt: before its program is started, and once it has ended. */
const recordSchema = z.object({
  pid: z.int().nullable(),
  startTime: z.string(),
  total: z.int(),
  end: jobEndSchema.nullable(),
});
export type AttemptRecord = z.infer<typeof recordSchema>;

export const BEGUN: AttemptRecord = { pid: null, startTime: '', total: 0, end: null };

/** A record that is written over and over while its attempt is under way. */
export interface OpenRecord {
  /** @throws Error of the system */
  write(record: AttemptRecord): void;
  close(): void;
}

/** One file for each attempt. The names are ordered by time. */
export interface AttemptRecords {
  names(): string[];
  /** Undefined: it was never begun. What cannot be read tells no end. */
  load(name: string): AttemptRecord | undefined;
  /** @throws Error of the system: then there is none, or one that tells no end */
  open(name: string): OpenRecord;
  /** Removes all files of these, their output too. */
  remove(names: ReadonlySet<string>): void;
}

const SUFFIX = '.json';

/**
 * Whole after a kill -9: each record is one write, in front of what is left of the one before. Not synced: a power cut ends
 * the programs, too, and is told by the boot id. Written in place, since new names in a directory cost more than a short job.
 */
export function createAttemptRecords(dir: string, logger: Logger): AttemptRecords {
  const pathOf = (name: string): string => join(dir, `${name}${SUFFIX}`);
  return {
    names: () =>
      readdirSync(dir)
        .filter((file) => file.endsWith(SUFFIX))
        .map((file) => file.slice(0, -SUFFIX.length)),
    load(name) {
      try {
        const [line = ''] = readFileSync(pathOf(name), 'utf8').split('\n', 1);
        return recordSchema.parse(JSON.parse(line));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
        logger.warn({ err: error, attempt: name }, 'what is known of a job cannot be read');
        return BEGUN;
      }
    },
    open(name) {
      const file = openSync(pathOf(name), 'w', 0o600);
      return {
        write(record) {
          const line = Buffer.from(`${JSON.stringify(record)}\n`);
          if (writeSync(file, line, 0, line.length, 0) < line.length) throw noSpace();
        },
        close: () => closeSync(file),
      };
    },
    remove(names) {
      for (const file of readdirSync(dir)) {
        const [id, attempt] = file.split('.');
        if (names.has(`${id}.${attempt}`)) rmSync(join(dir, file), { force: true });
      }
    },
  };
}

const noSpace = (): NodeJS.ErrnoException => Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
