import {
  type AppliedBatch,
  type AppliedCommand,
  applyEntry,
  type Isolation,
  SavepointsNeeded,
} from '../commands/apply-entry';
import type { CommandRegistry } from '../commands/define-command';
import type { DomainError } from '../commands/domain-error';
import { CHAIN_GENESIS, type CommandEnvelope, decodeEntry, nextChain, UpgradeRequired } from '../commands/entry';
import type { RecordedEvent } from '../commands/entry-records';
import { prepared } from '../db/prepared';
import type { StateDb, StateStore } from '../db/state-store';
import { delay } from '../lib/async';
import type { Logger } from '../lib/logger';
import { diskFullOf } from './disk-full';
import { EpochChanged, type Log, LogCompacted, type LogEntry, LogGap, type LogPosition } from './log';

export interface AppliedEntry {
  readonly index: number;
  readonly epoch: number;
  readonly commands: readonly AppliedCommand[];
  readonly events: readonly RecordedEvent[];
}

export interface StatePosition extends LogPosition {
  readonly chain: Uint8Array;
  readonly lastAt: number;
}

export interface ApplierOptions {
  readonly store: StateStore;
  readonly registry: CommandRegistry;
  readonly logger: Logger;
  /** Something that must not be skipped happened while applying: the process has to stop. */
  readonly onFatal: (error: unknown) => void;
}

/** What following a log ended with, when it can't go on by itself. */
export type FollowEnd = 'stopped' | 'compacted' | 'gap' | 'epoch_changed' | 'upgrade_required' | 'failed';

/** Applying failed before in this process; nothing is applied after that, not even what would succeed. */
export class ApplierStopped extends Error {
  override readonly name = 'ApplierStopped';
}

/** The only writer of the state file. */
export interface Applier {
  readonly position: StatePosition;
  /** Why nothing can be written at the moment; it ends by itself once there is room again. */
  readonly diskFull: DomainError | undefined;
  /**
   * Applies the next entry in one transaction. Entries at or below the position are dropped.
   *
   * @throws LogGap, EpochChanged, UpgradeRequired, DomainError disk_full: nothing was applied
   * @throws whatever made it fatal, and ApplierStopped from then on
   */
  apply(entry: LogEntry): void;
  /** Sets epoch and cursor when the log changes under the state: growth, or a restored snapshot. */
  rebase(position: { epoch: number; cursor: string }): void;
  /** Reads `log` and applies until `signal` aborts or a snapshot is needed. */
  follow(log: Log, signal: AbortSignal): Promise<FollowEnd>;
  /** Called after each commit, in order, synchronously; must not throw. Returns the function that unsubscribes. */
  onApplied(listener: (entry: AppliedEntry) => void): () => void;
  /** Resolves when `index` is applied; false when `timeoutMs` passes first. */
  waitFor(index: number, timeoutMs: number): Promise<boolean>;
  /** Reads the position anew after the state file was replaced. */
  reload(): void;
}

/** How often it is tried again to write on a disk that was full. */
const DISK_RETRY_MS = 1_000;

const statements = prepared((db) => {
  const sql = db.$client;
  return {
    begin: sql.prepare('BEGIN IMMEDIATE'),
    commit: sql.prepare('COMMIT'),
    rollback: sql.prepare('ROLLBACK'),
    load: sql.prepare<[], { epoch: number; applied_index: number; cursor: string; chain: Buffer; last_at: number }>(
      'SELECT epoch, applied_index, cursor, chain, last_at FROM system_state WHERE id = 1',
    ),
    save: sql.prepare(
      'INSERT INTO system_state (id, epoch, applied_index, cursor, chain, last_at) VALUES (1, ?, ?, ?, ?, ?) ' +
        'ON CONFLICT (id) DO UPDATE SET epoch = excluded.epoch, applied_index = excluded.applied_index, ' +
        'cursor = excluded.cursor, chain = excluded.chain, last_at = excluded.last_at',
    ),
  };
});

/** The position stored in a state file; the start of everything when it is new. */
export function readPosition(db: StateDb): StatePosition {
  const row = statements(db).load.get();
  if (!row) return { epoch: 1, index: 0, cursor: '', chain: CHAIN_GENESIS, lastAt: 0 };
  return { epoch: row.epoch, index: row.applied_index, cursor: row.cursor, chain: row.chain, lastAt: row.last_at };
}

function writePosition(db: StateDb, position: StatePosition): void {
  const { epoch, index, cursor, chain, lastAt } = position;
  statements(db).save.run(epoch, index, cursor, chain, lastAt);
}

/** @see Applier */
export function createApplier(options: ApplierOptions): Applier {
  const { store, registry, logger, onFatal } = options;
  const listeners = new Set<(entry: AppliedEntry) => void>();
  const waiters = new Set<{ index: number; done: (reached: boolean) => void }>();
  let position = readPosition(store.db);
  let failed = false;
  let diskFull: DomainError | undefined;
  let followers = 0;

  function wakeWaiters(): void {
    for (const waiter of waiters) {
      if (waiter.index > position.index) continue;
      waiters.delete(waiter);
      waiter.done(true);
    }
  }

  function commitEntry(entry: LogEntry): AppliedBatch {
    const commands = decodeEntry(entry.bytes);
    try {
      return commitCommands(entry, commands, 'trust');
    } catch (error) {
      if (!(error instanceof SavepointsNeeded)) throw error;
      return commitCommands(entry, commands, 'savepoints');
    }
  }

  function commitCommands(entry: LogEntry, commands: readonly CommandEnvelope[], isolation: Isolation): AppliedBatch {
    const { db } = store;
    const sql = statements(db);
    const chain = nextChain(position.chain, entry.bytes);
    const { epoch, index, cursor } = entry;
    sql.begin.run();
    try {
      const batch = applyEntry(db, registry, { epoch, index, lastAt: position.lastAt }, commands, isolation);
      const next = { epoch, index, cursor, chain, lastAt: batch.lastAt };
      writePosition(db, next);
      sql.commit.run();
      position = next;
      return batch;
    } catch (error) {
      if (db.$client.inTransaction) sql.rollback.run();
      throw error;
    }
  }

  function apply(entry: LogEntry): void {
    if (failed) throw new ApplierStopped('applying has stopped after a fatal error; the process must be restarted');
    if (entry.index <= position.index) return;
    if (entry.epoch !== position.epoch) throw new EpochChanged(position.epoch, entry.epoch);
    if (entry.index !== position.index + 1) {
      throw new LogGap(`expected index ${position.index + 1}, the log delivered ${entry.index}`);
    }
    let batch: AppliedBatch;
    try {
      batch = commitEntry(entry);
      if (diskFull) writable();
    } catch (error) {
      const full = diskFullOf(error, store.path);
      if (full) throw unwritable(full);
      if (!(error instanceof UpgradeRequired)) {
        failed = true;
        onFatal(error);
      }
      throw error;
    }
    notify({ index: entry.index, epoch: entry.epoch, commands: batch.commands, events: batch.events });
    wakeWaiters();
  }

  function unwritable(reason: DomainError): DomainError {
    if (diskFull) return diskFull;
    diskFull = reason;
    logger.error(reason.message);
    watchForSpace();
    return reason;
  }

  function writable(): void {
    diskFull = undefined;
    logger.info('the disk has room again: this node goes on writing');
  }

  /** Who follows a log tries its entry again and again. The embedded log waits for the next write, which may never come. */
  function watchForSpace(): void {
    const timer = setInterval(() => {
      try {
        if (diskFull && store.db.$client.open) {
          if (followers > 0) return;
          writePosition(store.db, position);
          writable();
        }
        clearInterval(timer);
      } catch (error) {
        if (diskFullOf(error, store.path)) return;
        clearInterval(timer);
        failed = true;
        onFatal(error);
      }
    }, DISK_RETRY_MS);
    timer.unref();
  }

  /** The entry is committed by now: a listener's bug must not look like a failed write. */
  function notify(applied: AppliedEntry): void {
    for (const listener of listeners) {
      try {
        listener(applied);
      } catch (error) {
        logger.error({ err: error, index: applied.index }, 'a listener of applied entries failed');
      }
    }
  }

  async function follow(log: Log, signal: AbortSignal): Promise<FollowEnd> {
    followers += 1;
    try {
      return await readAndApply(log, signal);
    } finally {
      followers -= 1;
    }
  }

  async function readAndApply(log: Log, signal: AbortSignal): Promise<FollowEnd> {
    let warnedAt = -1;
    while (!signal.aborted) {
      try {
        for await (const entry of log.read(position, signal)) {
          apply(entry);
          if (signal.aborted) return 'stopped';
        }
      } catch (error) {
        if (signal.aborted) return 'stopped';
        if (error instanceof LogCompacted) return 'compacted';
        if (error instanceof LogGap) return 'gap';
        if (error instanceof EpochChanged) return 'epoch_changed';
        if (error instanceof UpgradeRequired) return 'upgrade_required';
        if (failed) return 'failed';
        if (diskFull) {
          await delay(DISK_RETRY_MS, signal);
          continue;
        }
        // One line for an outage, not ten a second.
        if (warnedAt !== position.index) logger.warn({ err: error }, 'reading the log failed; trying again');
        warnedAt = position.index;
      }
      await delay(100, signal);
    }
    return 'stopped';
  }

  return {
    get position() {
      return position;
    },
    get diskFull() {
      return diskFull;
    },
    apply,
    rebase({ epoch, cursor }) {
      const next = { ...position, epoch, cursor };
      writePosition(store.db, next);
      position = next;
    },
    follow,
    onApplied(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    waitFor(index, timeoutMs) {
      if (index <= position.index) return Promise.resolve(true);
      return new Promise((resolve) => {
        const waiter = { index, done: finish };
        const timer = setTimeout(() => finish(false), timeoutMs);
        function finish(reached: boolean): void {
          clearTimeout(timer);
          waiters.delete(waiter);
          resolve(reached);
        }
        waiters.add(waiter);
      });
    },
    reload() {
      position = readPosition(store.db);
      wakeWaiters();
    },
  };
}
