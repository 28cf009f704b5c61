import type { EventType, QuorateEvent } from '@quorate/shared/events';
import { and, asc, desc, eq, gt, lt, max, type SQL, sql } from 'drizzle-orm';
import type { RecordedEvent } from '../commands/apply-entry';
import type { StateDb } from '../db/state-store';
import { events } from '../db/system-table';
import { toTimestamp } from '../lib/clock';

export interface EventFilter {
  readonly type?: string | undefined;
  readonly namespace?: string | undefined;
}

export const namespaceOf = (type: string): string => type.slice(0, type.indexOf('.'));

export const matchesFilter = (event: { type: string }, filter: EventFilter): boolean =>
  (filter.type === undefined || event.type === filter.type) &&
  (filter.namespace === undefined || namespaceOf(event.type) === filter.namespace);

/** Not LIKE: there, the underscore of `api_token` stands for any character. */
const startsWith = (column: typeof events.type, text: string): SQL =>
  eq(sql`substr(${column}, 1, ${text.length})`, text);

const conditions = (filter: EventFilter): (SQL | undefined)[] => [
  filter.type === undefined ? undefined : eq(events.type, filter.type),
  filter.namespace === undefined ? undefined : startsWith(events.type, `${filter.namespace}.`),
];

/** Events below `before`, newest first. */
export function listEvents(db: StateDb, filter: EventFilter, before: number, limit: number): QuorateEvent[] {
  const where = and(lt(events.seq, before), ...conditions(filter));
  return db.select().from(events).where(where).orderBy(desc(events.seq)).limit(limit).all().map(fromRow);
}

/** Events after `after`, oldest first: what a resumed stream missed. */
export function eventsAfter(db: StateDb, filter: EventFilter, after: number, limit: number): QuorateEvent[] {
  const where = and(gt(events.seq, after), ...conditions(filter));
  return db.select().from(events).where(where).orderBy(asc(events.seq)).limit(limit).all().map(fromRow);
}

/** `seq` of the newest event, 0 without any. */
export function lastEventSeq(db: StateDb): number {
  return (
    db
      .select({ seq: max(events.seq) })
      .from(events)
      .get()?.seq ?? 0
  );
}

function fromRow(row: typeof events.$inferSelect): QuorateEvent {
  return {
    seq: row.seq,
    id: row.id,
    type: row.type as EventType,
    namespace: namespaceOf(row.type),
    event_src_id: row.sourceNode,
    index: row.logIndex,
    term: row.term,
    at: toTimestamp(row.at),
    actor: row.actor,
    message: row.message,
    data: JSON.parse(row.data) as QuorateEvent['data'],
  };
}

export function viewEvent(event: RecordedEvent): QuorateEvent {
  return {
    seq: event.seq,
    id: event.id,
    type: event.type,
    namespace: namespaceOf(event.type),
    event_src_id: event.sourceNode,
    index: event.index,
    term: null,
    at: toTimestamp(event.at),
    actor: event.actor,
    message: event.message,
    data: event.data as QuorateEvent['data'],
  };
}
