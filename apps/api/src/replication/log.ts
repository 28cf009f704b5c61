/**
 * The log: one total order of opaque entries. Three implementations (memory, local, etcd) pass one
 * contract suite (`log.contract.ts`).
 */

/** Where a reader stands: the last entry it has applied. Stored in the same SQLite transaction as that entry. */
export interface LogPosition {
  /** Generation of the log; each growth or restore starts a new one. */
  readonly epoch: number;
  /** Contiguous number of the last applied entry, from 1; 0 = nothing yet. Continues over epochs. */
  readonly index: number;
  /** Opaque resume hint of the implementation (etcd: the mod revision); empty = unknown. */
  readonly cursor: string;
}

export interface LogEntry extends LogPosition {
  readonly bytes: Uint8Array;
}

export interface AppendOptions {
  /** Gives up waiting; the outcome is then unknown. */
  readonly signal?: AbortSignal;
}

export interface Log {
  readonly kind: 'memory' | 'local' | 'etcd';
  readonly epoch: number;
  /**
   * Appends one entry; resolves once it is durable on a quorum. Its index is told by reading, and so is whether it counts:
   * what comes after the end of an epoch is read by nobody.
   * @throws LogUnavailable nothing was written: safe to tell the caller so
   * @throws EpochChanged   nothing was written: the log is known to have ended
   * @throws AppendUnknown  it may or may not be in the log: resend the same command ids, never new ones
   */
  append(bytes: Uint8Array, options?: AppendOptions): Promise<void>;
  /**
   * Entries after `position` in order, without gaps, then waits for new ones until `signal` aborts (then it ends normally).
   * @throws LogCompacted the entries were trimmed: install a snapshot
   * @throws LogGap       the source skipped or went back: re-sync, never skip
   * @throws EpochChanged the log has moved to another epoch
   * @throws LogUnavailable the source cannot be reached now: call again
   */
  read(position: LogPosition, signal: AbortSignal): AsyncIterable<LogEntry>;
  /** A linearizable tip: every append acknowledged before the call has an index at or below it. @throws LogUnavailable */
  barrier(signal?: AbortSignal): Promise<number>;
  /** Entries below `before` may be trimmed. Idempotent. */
  compact(before: number): Promise<void>;
  close(): Promise<void>;
}

/** Nothing was written or read: no leader, no quorum, connection refused. */
export class LogUnavailable extends Error {
  override readonly name = 'LogUnavailable';
}

/** The append was sent and its answer never came. */
export class AppendUnknown extends Error {
  override readonly name = 'AppendUnknown';
}

export class LogCompacted extends Error {
  override readonly name = 'LogCompacted';
}

export class LogGap extends Error {
  override readonly name = 'LogGap';
}

export class EpochChanged extends Error {
  override readonly name = 'EpochChanged';
  constructor(
    readonly expected: number,
    readonly actual: number,
  ) {
    super(`the log is at epoch ${actual}, this node at ${expected}`);
  }
}

/** Request limit of etcd is 1.5 MiB; half a MiB keeps an entry's transaction and its fan-out short. */
export const MAX_ENTRY_BYTES = 512 * 1024;
