import { appendFile, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { QuorateEvent } from '@quorate/shared/events';
import { makeDirectory } from '../lib/directory';
import type { Logger } from '../lib/logger';
import type { EventBus } from './bus';
import type { EventLog } from './event-log';

export interface FileSinkOptions {
  readonly file: string;
  /** Bytes at which the file is rotated. */
  readonly maxBytes: number;
  /** Rotated files that are kept. */
  readonly keep: number;
  readonly log: EventLog;
  readonly bus: EventBus;
  readonly logger: Logger;
}

export interface FileSink {
  stop(): Promise<void>;
}

const PAGE = 200;
const RETRY_MS = 5_000;
/** An event is far smaller: the last line is within this many bytes of the end. */
const TAIL_BYTES = 256 * 1024;
/** Local events wait here while the file can't be written. */
const MAX_PENDING = 1_000;

/**
 * Appends every event to a file, one line of JSON each. The file itself says how far it got: after a restart, a full disk
 * or an installed snapshot it goes on behind its last line, as long as the events are kept.
 */
export function startFileSink(options: FileSinkOptions): FileSink {
  const { file, log, logger } = options;
  /** Where a new file begins. */
  const firstSeq = log.lastSeq();
  let locals: QuorateEvent[] = [];
  let sent: number | undefined;
  let running: Promise<void> | undefined;
  let again = false;
  let stopped = false;
  let failing = false;
  let retry: NodeJS.Timeout | undefined;

  async function write(lines: readonly QuorateEvent[]): Promise<void> {
    const text = lines.map((event) => `${JSON.stringify(event)}\n`).join('');
    const { size } = await stat(file).catch(() => ({ size: 0 }));
    if (size > 0 && size + text.length > options.maxBytes) await rotate(file, options.keep);
    await appendFile(file, text, { mode: 0o600 });
  }

  async function pump(): Promise<void> {
    if (sent === undefined) {
      makeDirectory(dirname(file));
      sent = (await lastSeqIn(file)) ?? firstSeq;
    }
    // A restored backup is behind what the file has: its events are new all the same.
    sent = Math.min(sent, log.lastSeq());
    for (;;) {
      const page = log.after({}, sent, PAGE);
      if (page.length > 0) await write(page);
      sent = page.at(-1)?.seq ?? sent;
      if (page.length < PAGE) break;
    }
    const waiting = locals;
    if (waiting.length === 0) return;
    await write(waiting);
    locals = locals.filter((event) => !waiting.includes(event));
  }

  async function run(): Promise<void> {
    do {
      again = false;
      try {
        await pump();
        if (failing) logger.info({ file }, 'events are written to the file again');
        failing = false;
      } catch (error) {
        if (!failing) logger.warn({ err: error, file }, 'events cannot be written to events.file; trying again');
        failing = true;
        retry = setTimeout(wake, RETRY_MS).unref();
        return;
      }
    } while (again && !stopped);
  }

  function wake(): void {
    clearTimeout(retry);
    if (stopped) return;
    if (running) {
      again = true;
      return;
    }
    running = run().finally(() => {
      running = undefined;
      if (again && !failing) wake();
    });
  }

  const undo = [
    options.bus.subscribe(wake),
    log.local.subscribe(({ event }) => {
      locals = [...locals.slice(1 - MAX_PENDING), event];
      wake();
    }),
  ];
  wake();
  return {
    async stop() {
      for (const step of undo) step();
      await running;
      // What came while it was writing.
      if (!failing) await run();
      stopped = true;
      clearTimeout(retry);
    },
  };
}

/** FILE.1 is the newest of the rotated ones. */
async function rotate(file: string, keep: number): Promise<void> {
  await rm(`${file}.${keep}`, { force: true });
  for (let n = keep - 1; n >= 1; n--) await rename(`${file}.${n}`, `${file}.${n + 1}`).catch(ignoreAbsent);
  if (keep > 0) await rename(file, `${file}.1`);
  else await rm(file, { force: true });
}

function ignoreAbsent(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}

/** `seq` of the last domain event in the file or in the one before it; undefined when neither has any. */
async function lastSeqIn(file: string): Promise<number | undefined> {
  for (const path of [file, `${file}.1`]) {
    for (const line of (await tailOf(path)).reverse()) {
      try {
        const event = JSON.parse(line) as Partial<QuorateEvent>;
        if (event.local === false && typeof event.seq === 'number') return event.seq;
      } catch {
        // Cut short by a crash, or the first line of the tail.
      }
    }
  }
  return undefined;
}

async function tailOf(path: string): Promise<string[]> {
  const handle = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    ignoreAbsent(error);
    return undefined;
  });
  if (!handle) return [];
  try {
    const { size } = await handle.stat();
    const length = Math.min(size, TAIL_BYTES);
    const { buffer } = await handle.read(Buffer.alloc(length), 0, length, size - length);
    return buffer
      .toString('utf8')
      .split('\n')
      .filter((line) => line !== '');
  } finally {
    await handle.close();
  }
}
