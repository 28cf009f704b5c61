import { type Log, LogCompacted, type LogEntry, type LogPosition, LogUnavailable, MAX_ENTRY_BYTES } from './log';

/** Entries kept for readers; the state file is the record, so a reader further back needs a snapshot. */
const TAIL_ENTRIES = 1024;

export interface LocalLogOptions {
  readonly epoch: number;
  /** Index of the last entry that the state already contains. */
  readonly tip: number;
  /** Makes the entry durable and applied before it returns. A throw means nothing was written. */
  readonly commit: (entry: LogEntry) => void;
}

/**
 * The embedded log of a single node: it assigns the next index and hands the entry to the applier, whose
 * transaction (synchronous=FULL) is the durability. No file of its own, no fsync of its own.
 */
export function createLocalLog(options: LocalLogOptions): Log {
  const { epoch, commit } = options;
  const tail: LogEntry[] = [];
  const wakers = new Set<() => void>();
  let tip = options.tip;
  let firstKept = tip + 1;
  let closed = false;

  const wakeReaders = (): void => {
    for (const wake of wakers) wake();
  };

  function dropBefore(before: number): void {
    const count = Math.min(tail.length, Math.max(0, before - firstKept));
    tail.splice(0, count);
    firstKept += count;
  }

  async function append(bytes: Uint8Array): Promise<void> {
    if (closed) throw new LogUnavailable('the log is closed');
    if (bytes.length > MAX_ENTRY_BYTES)
      throw new RangeError(`an entry of ${bytes.length} bytes is over ${MAX_ENTRY_BYTES}`);
    const entry = { epoch, index: tip + 1, cursor: '', bytes };
    commit(entry);
    tip = entry.index;
    tail.push(entry);
    if (tail.length > TAIL_ENTRIES) dropBefore(firstKept + tail.length - TAIL_ENTRIES);
    wakeReaders();
  }

  async function* read(position: LogPosition, signal: AbortSignal): AsyncGenerator<LogEntry> {
    let next = position.index + 1;
    while (!signal.aborted && !closed) {
      if (next < firstKept) throw new LogCompacted(`entries before ${firstKept} are gone`);
      const entry = tail[next - firstKept];
      if (entry) {
        next += 1;
        yield entry;
      } else {
        await waitForMore(signal);
      }
    }
  }

  function waitForMore(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        wakers.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      wakers.add(wake);
      signal.addEventListener('abort', wake, { once: true });
    });
  }

  return {
    kind: 'local',
    epoch,
    append,
    read,
    async barrier() {
      if (closed) throw new LogUnavailable('the log is closed');
      return tip;
    },
    async compact(before) {
      dropBefore(Math.min(before, tip + 1));
    },
    async close() {
      closed = true;
      wakeReaders();
    },
  };
}
