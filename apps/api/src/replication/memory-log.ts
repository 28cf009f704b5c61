import {
  AppendUnknown,
  EpochChanged,
  type Log,
  LogCompacted,
  type LogEntry,
  LogUnavailable,
  MAX_ENTRY_BYTES,
} from './log';

export interface MemoryLogOptions {
  /** Default 1. */
  readonly epoch?: number;
  /** Index of the last entry before this log, default 0. */
  readonly base?: number;
}

/** A log in memory for tests, with the faults that a real one can have. */
export interface MemoryLog extends Log {
  /** Another node's handle on the same entries, with faults of its own. */
  attach(): MemoryLog;
  /** Cut off: appends and barriers fail with LogUnavailable and readers get nothing, until healed. */
  partition(cut: boolean): void;
  /** The next `count` appends are written, but their callers get AppendUnknown. */
  dropAcks(count: number): void;
  /** The next `count` appends are written twice, as after a resend. */
  duplicate(count: number): void;
}

interface Shared {
  readonly epoch: number;
  readonly base: number;
  readonly entries: LogEntry[];
  /** Lowest index still readable. */
  first: number;
  readonly wakers: Set<() => void>;
}

export function createMemoryLog(options: MemoryLogOptions = {}): MemoryLog {
  const base = options.base ?? 0;
  return attachTo({ epoch: options.epoch ?? 1, base, entries: [], first: base + 1, wakers: new Set() });
}

function attachTo(shared: Shared): MemoryLog {
  const { epoch, base, entries } = shared;
  let closed = false;
  let cut = false;
  let acksToDrop = 0;
  let toDuplicate = 0;

  const tip = (): number => base + entries.length;
  const wakeAll = (): void => {
    for (const wake of shared.wakers) wake();
  };

  function refuseUnreachable(): void {
    if (closed) throw new LogUnavailable('the log is closed');
    if (cut) throw new LogUnavailable('the log is cut off');
  }

  function write(bytes: Uint8Array): number {
    const index = tip() + 1;
    entries.push({ epoch, index, cursor: String(index), bytes });
    wakeAll();
    return index;
  }

  function waitForChange(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        shared.wakers.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      shared.wakers.add(wake);
      signal.addEventListener('abort', wake, { once: true });
    });
  }

  return {
    kind: 'memory',
    epoch,
    async append(bytes, { signal } = {}) {
      refuseUnreachable();
      if (bytes.length > MAX_ENTRY_BYTES)
        throw new RangeError(`an entry of ${bytes.length} bytes is over ${MAX_ENTRY_BYTES}`);
      if (signal?.aborted) throw new LogUnavailable('given up before the entry was sent');
      write(bytes);
      if (toDuplicate > 0) {
        toDuplicate -= 1;
        write(bytes);
      }
      if (acksToDrop > 0) {
        acksToDrop -= 1;
        throw new AppendUnknown('the answer was dropped');
      }
    },
    async *read(position, signal) {
      if (closed) throw new LogUnavailable('the log is closed');
      if (position.epoch > epoch || (position.epoch < epoch && position.index > base)) {
        throw new EpochChanged(position.epoch, epoch);
      }
      let next = position.index + 1;
      while (!signal.aborted && !closed) {
        if (next < shared.first) throw new LogCompacted(`entries before ${shared.first} are gone`);
        const entry = cut ? undefined : entries[next - base - 1];
        if (!entry) {
          await waitForChange(signal);
          continue;
        }
        next += 1;
        yield entry;
      }
    },
    async barrier() {
      refuseUnreachable();
      return tip();
    },
    async compact(before) {
      refuseUnreachable();
      shared.first = Math.max(shared.first, Math.min(before, tip() + 1));
    },
    async close() {
      closed = true;
      wakeAll();
    },
    attach: () => attachTo(shared),
    partition(value) {
      cut = value;
      wakeAll();
    },
    dropAcks(count) {
      acksToDrop = count;
    },
    duplicate(count) {
      toDuplicate = count;
    },
  };
}
