import {
  EVENT_TYPES,
  type EventType,
  type eventFilter,
  namespaceOf,
  type QuorateEvent,
  topicOf,
} from '@quorate/shared/events';
import { and, asc, desc, eq, gt, inArray, lt, max, type SQL } from 'drizzle-orm';
import type { z } from 'zod';
import type { RecordedEvent } from '../commands/entry-records';
import type { StateDb } from '../db/state-store';
import { events } from '../db/system-table';
import { toTimestamp } from '../lib/clock';

export type EventFilter = z.output<typeof eventFilter>;

/** The Raft term that was in force at a log index, null before there was one. */
export type TermLookup = (db: StateDb, index: number) => number | null;

const typesIn = (namespace: string): EventType[] =>
  EVENT_TYPES.filter((type) => namespaceOf(type) === namespace || topicOf(type) === namespace);

const conditions = ({ type, namespace, source }: EventFilter): (SQL | undefined)[] => [
  type === undefined ? undefined : eq(events.type, type),
  namespace === undefined ? undefined : inArray(events.type, typesIn(namespace)),
  source === undefined ? undefined : eq(events.sourceNode, source),
];

/** Events below `before`, newest first. */
export function eventsBefore(db: StateDb, filter: EventFilter, before: number, limit: number): RecordedEvent[] {
  const where = and(lt(events.seq, before), ...conditions(filter));
  return db.select().from(events).where(where).orderBy(desc(events.seq)).limit(limit).all().map(fromRow);
}

/** Events after `after`, oldest first: what a resumed stream missed. */
export function eventsAfter(db: StateDb, filter: EventFilter, after: number, limit: number): RecordedEvent[] {
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

function fromRow(row: typeof events.$inferSelect): RecordedEvent {
  const { seq, id, sourceNode, logIndex: index, at, actor, message } = row;
  const data = JSON.parse(row.data) as RecordedEvent['data'];
  return { seq, id, type: row.type as EventType, sourceNode, index, at, actor, message, data };
}

/** An event of the replicated state as the API shows it. */
export function viewEvent(event: RecordedEvent, term: number | null): QuorateEvent {
  const at = toTimestamp(event.at);
  return {
    seq: event.seq,
    id: event.id,
    type: event.type,
    namespace: namespaceOf(event.type),
    event_src_id: event.sourceNode,
    local: false,
    index: event.index,
    term,
    at,
    timestamp: at,
    actor: event.actor,
    message: event.message,
    data: event.data as QuorateEvent['data'],
  };
}
