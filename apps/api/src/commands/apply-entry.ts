import type { ErrorCode } from '@quorate/shared/error-codes';
import type { EventType } from '@quorate/shared/events';
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

export interface RecordedEvent {
  readonly seq: number;
  readonly id: string;
  readonly type: EventType;
  readonly sourceNode: number;
  readonly index: number;
  readonly at: number;
  readonly actor: string;
  readonly message: string;
  readonly data: EventData;
}

/** Outcomes are kept this long, so a client may resend for a day. */
const SEEN_RETENTION_MS = 24 * 3600 * 1000;
const SEEN_RETENTION_ROWS = 500_000;
const EVENT_RETENTION_ROWS = 50_000;
const AUDIT_RETENTION_ROWS = 200_000;
/** Trimming runs at every index that is a multiple of this: the same point on each node. */
const TRIM_EVERY = 256;

const statements = prepared((db) => {
  const sql = db.$client;
  return {
    savepoint: sql.prepare('SAVEPOINT command'),
    release: sql.prepare('RELEASE command'),
    rollback: sql.prepare('ROLLBACK TO command'),
    seen: sql.prepare<[string], { log_index: number; fingerprint: string; outcome: string }>(
      'SELECT log_index, fingerprint, outcome FROM seen_commands WHERE id = ?',
    ),
    remember: sql.prepare('INSERT INTO seen_commands (id, log_index, at, fingerprint, outcome) VALUES (?, ?, ?, ?, ?)'),
    event: sql.prepare(
      'INSERT INTO events (id, type, source_node, log_index, term, at, actor, message, data) VALUES (?, ?, ?, ?, NULL, ?, ?, ?, ?)',
    ),
    audit: sql.prepare(
      'INSERT INTO audit (log_index, at, command_id, action, actor_kind, actor, target, outcome, code, node_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
    ),
    trimSeenByAge: sql.prepare(
      'DELETE FROM seen_commands WHERE rowid < ' +
        '(SELECT rowid FROM seen_commands WHERE at >= ? ORDER BY rowid LIMIT 1)',
    ),
    trimSeenByCount: sql.prepare('DELETE FROM seen_commands WHERE rowid <= (SELECT max(rowid) FROM seen_commands) - ?'),
    trimEvents: sql.prepare('DELETE FROM events WHERE seq <= (SELECT max(seq) FROM events) - ?'),
    trimAudit: sql.prepare('DELETE FROM audit WHERE seq <= (SELECT max(seq) FROM audit) - ?'),
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
 * Applies the commands of one entry inside the caller's transaction. A DomainError becomes that command's
 * outcome; anything else thrown propagates and must stop the node.
 *
 * @throws UpgradeRequired for a command that this build does not know
 */
export function applyEntry(
  tx: StateDb,
  registry: CommandRegistry,
  position: EntryPosition,
  commands: readonly CommandEnvelope[],
): AppliedBatch {
  const applied: AppliedCommand[] = [];
  const recorded: RecordedEvent[] = [];
  let lastAt = position.lastAt;
  for (const command of commands) {
    lastAt = Math.max(lastAt, command.at);
    applied.push(applyCommand(tx, registry, { ...position, lastAt }, command, recorded));
  }
  if (position.index % TRIM_EVERY === 0) trim(tx, lastAt);
  return { commands: applied, events: recorded, lastAt };
}

function applyCommand(
  tx: StateDb,
  registry: CommandRegistry,
  position: EntryPosition,
  command: CommandEnvelope,
  recorded: RecordedEvent[],
): AppliedCommand {
  const sql = statements(tx);
  const definition = registry.get(command.type);
  if (!definition || command.since > FEATURE_LEVEL) {
    throw new UpgradeRequired(`command ${command.type} (level ${command.since}) needs a newer version of Quorate`);
  }
  const known = sql.seen.get(command.id);
  if (known) return resent(command, known);

  const outcome = runCommand(tx, definition, position, command, recorded);
  sql.remember.run(command.id, position.index, position.lastAt, command.fingerprint, JSON.stringify(outcome));
  if (definition.audited) {
    const { actor } = command;
    const verdict = outcome.ok ? ['ok', ''] : ['refused', outcome.code];
    const target = definition.target(command.input as never);
    const row = [position.index, position.lastAt, command.id, command.type, actor.kind, actor.name, target];
    sql.audit.run(...row, ...verdict, command.node);
  }
  return { id: command.id, index: position.index, outcome };
}

export const keyReused = (): DomainError =>
  new DomainError(
    'idempotency_key_reused',
    'this Idempotency-Key was used for a different request; use a new key for a new request',
  );

function resent(
  command: CommandEnvelope,
  known: { log_index: number; fingerprint: string; outcome: string },
): AppliedCommand {
  if (known.fingerprint !== command.fingerprint) {
    const { code, message: detail, errors } = keyReused();
    return { id: command.id, index: known.log_index, outcome: { ok: false, code, detail, errors } };
  }
  return { id: command.id, index: known.log_index, outcome: JSON.parse(known.outcome) as Outcome };
}

function runCommand(
  tx: StateDb,
  definition: AnyCommand,
  position: EntryPosition,
  command: CommandEnvelope,
  recorded: RecordedEvent[],
): Outcome {
  const sql = statements(tx);
  const mark = recorded.length;
  const ctx: ApplyContext = {
    at: position.lastAt,
    actor: command.actor,
    index: position.index,
    epoch: position.epoch,
    nodeId: command.node,
    commandId: command.id,
    event: (type, message, data = {}) =>
      recorded.push(recordEvent(tx, position, command, recorded.length, type, message, data)),
  };
  sql.savepoint.run();
  try {
    const result = definition.apply(tx, command.input as never, ctx);
    sql.release.run();
    return { ok: true, result };
  } catch (error) {
    const refusal = asRefusal(error);
    if (!refusal) throw error;
    sql.rollback.run();
    sql.release.run();
    recorded.length = mark;
    const { code, message: detail, errors, retryAfter } = refusal;
    return { ok: false, code, detail, errors, retryAfter };
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

function recordEvent(
  tx: StateDb,
  position: EntryPosition,
  command: CommandEnvelope,
  ordinal: number,
  type: EventType,
  message: string,
  data: EventData,
): RecordedEvent {
  const id = `${position.epoch}.${position.index}.${ordinal}`;
  const { lastAt: at, index } = position;
  const actor = command.actor.name;
  const row = statements(tx).event.run(id, type, command.node, index, at, actor, message, JSON.stringify(data));
  return { seq: Number(row.lastInsertRowid), id, type, sourceNode: command.node, index, at, actor, message, data };
}

function trim(tx: StateDb, at: number): void {
  const sql = statements(tx);
  sql.trimSeenByAge.run(at - SEEN_RETENTION_MS);
  sql.trimSeenByCount.run(SEEN_RETENTION_ROWS);
  sql.trimEvents.run(EVENT_RETENTION_ROWS);
  sql.trimAudit.run(AUDIT_RETENTION_ROWS);
}
