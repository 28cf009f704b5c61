import type { ErrorCode } from '@quorate/shared/error-codes';
import type { FieldError } from '@quorate/shared/problem';
import Database from 'better-sqlite3';
import { prepared } from '../db/prepared';
import type { StateDb } from '../db/state-store';
import {
  type AnyCommand,
  type ApplyContext,
  type CommandRegistry,
  type EventData,
  FEATURE_LEVEL,
} from './define-command';
import { DomainError } from './domain-error';
import { type CommandEnvelope, UpgradeRequired } from './entry';
import { EntryRecords, type RecordedEvent, type SeenCommand, trimRecords } from './entry-records';

export type Outcome =
  | { readonly ok: true; readonly result?: unknown }
  | {
      readonly ok: false;
      readonly code: ErrorCode;
      readonly detail: string;
      readonly errors: readonly FieldError[];
      readonly retryAfter?: number | undefined;
    };

export interface AppliedCommand {
  readonly id: string;
  /** Where the outcome was first recorded: a resent command keeps its original index. */
  readonly index: number;
  readonly outcome: Outcome;
}

/** Trimming runs at every index that is a multiple of this: the same point on each node. */
const TRIM_EVERY = 256;

const statements = prepared((db) => {
  const sql = db.$client;
  return {
    savepoint: sql.prepare('SAVEPOINT command'),
    release: sql.prepare('RELEASE command'),
    rollback: sql.prepare('ROLLBACK TO command'),
    changes: sql.prepare<[], number>('SELECT total_changes()').pluck(),
  };
});

export interface EntryPosition {
  readonly epoch: number;
  readonly index: number;
  /** Lower bound of the time, ms: the latest time applied before. */
  readonly lastAt: number;
}

export interface AppliedBatch {
  readonly commands: readonly AppliedCommand[];
  readonly events: readonly RecordedEvent[];
  readonly lastAt: number;
}

/**
 * How a refused command is undone. `savepoints` costs a fifth of applying, and almost every refusal comes before the
 * first change. So an entry is applied on `trust`, and once more with savepoints when that was wrong.
 */
export type Isolation = 'trust' | 'savepoints';

/** A command was refused after it had changed rows, without a savepoint to return to: apply the entry with savepoints. */
export class SavepointsNeeded extends Error {
  override readonly name = 'SavepointsNeeded';
}

/**
 * Applies the commands of one entry inside the caller's transaction. A DomainError becomes that command's
 * outcome; anything else thrown propagates and must stop the node. Both ways of isolation end in the same state.
 *
 * @throws UpgradeRequired for a command that this build does not know
 * @throws SavepointsNeeded when isolation was `trust`; the transaction must be rolled back
 */
export function applyEntry(
  tx: StateDb,
  registry: CommandRegistry,
  position: EntryPosition,
  commands: readonly CommandEnvelope[],
  isolation: Isolation,
): AppliedBatch {
  const applied: AppliedCommand[] = [];
  const records = new EntryRecords(tx, commands);
  const applying = { tx, registry, isolation, records };
  let now = position;
  for (const command of commands) {
    if (command.at > now.lastAt) now = { ...now, lastAt: command.at };
    applied.push(applyCommand(applying, now, command));
  }
  records.write();
  if (now.index % TRIM_EVERY === 0) trimRecords(tx, now.lastAt);
  return { commands: applied, events: records.events, lastAt: now.lastAt };
}

interface Applying {
  readonly tx: StateDb;
  readonly registry: CommandRegistry;
  readonly isolation: Isolation;
  readonly records: EntryRecords;
}

function applyCommand(applying: Applying, position: EntryPosition, command: CommandEnvelope): AppliedCommand {
  const { registry, records } = applying;
  const definition = registry.get(command.type);
  if (!definition || command.since > FEATURE_LEVEL) {
    throw new UpgradeRequired(`command ${command.type} (level ${command.since}) needs a newer version of Quorate`);
  }
  const known = records.seen(command.id);
  if (known) return resent(command, known);
  const outcome = runCommand(applying, definition, position, command);
  records.addOutcome(command, definition, position.index, position.lastAt, outcome);
  return { id: command.id, index: position.index, outcome };
}

export const keyReused = (): DomainError =>
  new DomainError(
    'idempotency_key_reused',
    'this Idempotency-Key was used for a different request; use a new key for a new request',
  );

function resent(command: CommandEnvelope, known: SeenCommand): AppliedCommand {
  const { id } = command;
  if (known.fingerprint !== command.fingerprint) {
    const { code, message: detail, errors } = keyReused();
    return { id, index: known.logIndex, outcome: { ok: false, code, detail, errors } };
  }
  return { id, index: known.logIndex, outcome: JSON.parse(known.outcome) as Outcome };
}

function runCommand(
  { tx, isolation, records }: Applying,
  definition: AnyCommand,
  position: EntryPosition,
  command: CommandEnvelope,
): Outcome {
  const mark = records.events.length;
  const begun = beginCommand(tx, isolation);
  try {
    const result = definition.apply(tx, command.input as never, contextOf(position, command, records));
    keepCommand(tx, isolation);
    return { ok: true, result };
  } catch (error) {
    const refusal = asRefusal(error);
    if (!refusal) throw error;
    undoCommand(tx, isolation, begun);
    records.keepEvents(mark);
    const { code, message: detail, errors, retryAfter } = refusal;
    return { ok: false, code, detail, errors, retryAfter };
  }
}

function contextOf(now: EntryPosition, command: CommandEnvelope, records: EntryRecords): ApplyContext {
  const { epoch, index } = now;
  return {
    at: now.lastAt,
    actor: command.actor,
    index,
    epoch,
    nodeId: command.node,
    commandId: command.id,
    event(type, message, data = NO_DATA) {
      records.addEvent(`${epoch}.${index}.${records.events.length}`, type, command, now, message, data);
    },
  };
}

const NO_DATA: EventData = Object.freeze({});

/** Where a refused command returns to: the count of changed rows on trust, else a savepoint. */
function beginCommand(tx: StateDb, isolation: Isolation): number {
  const sql = statements(tx);
  if (isolation === 'trust') return sql.changes.get() ?? 0;
  sql.savepoint.run();
  return 0;
}

function keepCommand(tx: StateDb, isolation: Isolation): void {
  if (isolation === 'savepoints') statements(tx).release.run();
}

/** @throws SavepointsNeeded when it was trusted wrongly */
function undoCommand(tx: StateDb, isolation: Isolation, begun: number): void {
  const sql = statements(tx);
  if (isolation === 'savepoints') {
    sql.rollback.run();
    sql.release.run();
  } else if (sql.changes.get() !== begun) {
    throw new SavepointsNeeded('a command was refused after it had changed rows');
  }
}

/**
 * A refusal, or undefined for what must stop the node. A broken constraint follows from the replicated state alone, so
 * it comes out equal everywhere: stopping every node for a command that overlooked one would help nobody.
 */
function asRefusal(error: unknown): DomainError | undefined {
  if (error instanceof DomainError) return error;
  const code = error instanceof Database.SqliteError ? error.code : '';
  if (!code.startsWith('SQLITE_CONSTRAINT')) return undefined;
  return new DomainError('conflict', 'the change contradicts what is stored; look at the current state and try again');
}
