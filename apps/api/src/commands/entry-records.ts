import type { EventType } from '@quorate/shared/events';
import { RETENTION_DEFAULTS } from '@quorate/shared/retention';
import { bulkInsert } from '../db/bulk-insert';
import { prepared } from '../db/prepared';
import type { StateDb } from '../db/state-store';
import type { Outcome } from './apply-entry';
import type { AnyCommand, EventData } from './define-command';
import type { CommandEnvelope } from './entry';

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

/** What is kept under the id of a command. */
export interface SeenCommand {
  readonly logIndex: number;
  readonly fingerprint: string;
  /** JSON of an {@link Outcome}. */
  readonly outcome: string;
}

/** Where an entry stands in the log, and the time of the state while it is applied, ms. */
export interface Moment {
  readonly index: number;
  readonly lastAt: number;
}

/** Outcomes are kept this long, so a client may resend for a day. */
const SEEN_RETENTION_MS = 24 * 3600 * 1000;
const SEEN_RETENTION_ROWS = 500_000;
/** Dropped at most with one entry: whoever lowers a retention must not stop every write meanwhile. */
const TRIM_STEP_ROWS = 5_000;

const SEEN_COLUMNS = 'id log_index at fingerprint outcome'.split(' ');
const EVENT_COLUMNS = 'seq id type source_node log_index at actor message data'.split(' ');
const AUDIT_COLUMNS = 'log_index at command_id action actor_kind actor target outcome code node_id'.split(' ');

/** Drops the oldest rows beyond what is kept: as set, else the parameter. */
const trimOldest = (table: 'events' | 'audit'): string =>
  `DELETE FROM ${table} WHERE seq <= min((SELECT max(seq) FROM ${table}) - ` +
  `coalesce((SELECT ${table} FROM retention), ?), (SELECT min(seq) FROM ${table}) + ${TRIM_STEP_ROWS - 1})`;

const statements = prepared((db) => {
  const sql = db.$client;
  return {
    // CROSS JOIN keeps SQLite from scanning what was seen for each id.
    seen: sql.prepare<[string], { id: string; logIndex: number; fingerprint: string; outcome: string }>(
      'SELECT s.id, s.log_index AS logIndex, s.fingerprint, s.outcome FROM json_each(?) AS wanted ' +
        'CROSS JOIN seen_commands AS s ON s.id = wanted.value',
    ),
    lastEvent: sql.prepare<[], number | null>('SELECT max(seq) FROM events').pluck(),
    insertSeen: bulkInsert(sql, 'seen_commands', SEEN_COLUMNS),
    insertEvents: bulkInsert(sql, 'events', EVENT_COLUMNS),
    insertAudit: bulkInsert(sql, 'audit', AUDIT_COLUMNS),
    trimSeenByAge: sql.prepare(
      'DELETE FROM seen_commands WHERE rowid < ' +
        '(SELECT rowid FROM seen_commands WHERE at >= ? ORDER BY rowid LIMIT 1)',
    ),
    trimSeenByCount: sql.prepare('DELETE FROM seen_commands WHERE rowid <= (SELECT max(rowid) FROM seen_commands) - ?'),
    trimEvents: sql.prepare(trimOldest('events')),
    trimAudit: sql.prepare(trimOldest('audit')),
  };
});

/**
 * What an entry leaves behind beside the rows that its commands change: events, audit, outcomes. Collected while it is
 * applied and written at its end, in bulk; so a refused command leaves nothing to take back.
 */
export class EntryRecords {
  readonly events: RecordedEvent[] = [];
  readonly #tx: StateDb;
  readonly #seen = new Map<string, SeenCommand>();
  readonly #seenRows: unknown[] = [];
  readonly #auditRows: unknown[] = [];
  readonly #eventRows: unknown[] = [];
  #lastSeq: number | undefined;

  constructor(tx: StateDb, commands: readonly CommandEnvelope[]) {
    this.#tx = tx;
    const ids = JSON.stringify(commands.map((command) => command.id));
    for (const { id, ...known } of statements(tx).seen.all(ids)) this.#seen.set(id, known);
  }

  /** The stored outcome of a command that was applied before, in this entry or an earlier one. */
  seen(id: string): SeenCommand | undefined {
    return this.#seen.get(id);
  }

  addEvent(id: string, type: EventType, command: CommandEnvelope, at: Moment, message: string, data: EventData): void {
    this.#lastSeq ??= statements(this.#tx).lastEvent.get() ?? 0;
    const seq = this.#lastSeq + this.events.length + 1;
    const { node: sourceNode, actor } = command;
    this.events.push({ seq, id, type, sourceNode, index: at.index, at: at.lastAt, actor: actor.name, message, data });
    this.#eventRows.push(seq, id, type, sourceNode, at.index, at.lastAt, actor.name, message, JSON.stringify(data));
  }

  /** Forgets the events of a refused command: all but the first `count`. */
  keepEvents(count: number): void {
    this.events.length = count;
    this.#eventRows.length = count * EVENT_COLUMNS.length;
  }

  addOutcome(command: CommandEnvelope, definition: AnyCommand, index: number, at: number, outcome: Outcome): void {
    const { id, fingerprint, actor } = command;
    const json = JSON.stringify(outcome);
    this.#seen.set(id, { logIndex: index, fingerprint, outcome: json });
    this.#seenRows.push(id, index, at, fingerprint, json);
    if (!definition.audited) return;
    const target = definition.target(command.input as never);
    const [verdict, code] = outcome.ok ? ['ok', ''] : ['refused', outcome.code];
    this.#auditRows.push(index, at, id, command.type, actor.kind, actor.name, target, verdict, code, command.node);
  }

  write(): void {
    const sql = statements(this.#tx);
    sql.insertSeen(this.#seenRows);
    sql.insertAudit(this.#auditRows);
    sql.insertEvents(this.#eventRows);
  }
}

/** Drops what is older than its retention; `at` is the present of the state, ms. */
export function trimRecords(tx: StateDb, at: number): void {
  const sql = statements(tx);
  sql.trimSeenByAge.run(at - SEEN_RETENTION_MS);
  sql.trimSeenByCount.run(SEEN_RETENTION_ROWS);
  sql.trimEvents.run(RETENTION_DEFAULTS.events);
  sql.trimAudit.run(RETENTION_DEFAULTS.audit);
}
