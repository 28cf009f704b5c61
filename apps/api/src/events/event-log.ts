import { passesFilter, type QuorateEvent } from '@quorate/shared/events';
import type { RecordedEvent } from '../commands/entry-records';
import type { StateDb } from '../db/state-store';
import type { LocalEvents } from './local-events';
import { type EventFilter, eventsAfter, eventsBefore, lastEventSeq, type TermLookup, viewEvent } from './queries';

/** A place in the merged order: a domain event is at `seq.0`, the local events behind it at `seq.position`. */
export interface Place {
  readonly seq: number;
  readonly local: number;
}

export interface PlacedEvent {
  readonly place: Place;
  readonly event: QuorateEvent;
}

/** The replicated events and those of this node, read as one. */
export interface EventLog {
  readonly local: LocalEvents;
  /** Domain and local events below `before`, newest first. */
  list(filter: EventFilter, before: Place, limit: number): PlacedEvent[];
  /** Domain events after `seq`, oldest first. */
  after(filter: EventFilter, seq: number, limit: number): QuorateEvent[];
  lastSeq(): number;
  view(event: RecordedEvent): QuorateEvent;
}

export const LAST_PLACE: Place = { seq: Number.MAX_SAFE_INTEGER, local: 0 };

const isBefore = (a: Place, b: Place): boolean => a.seq < b.seq || (a.seq === b.seq && a.local < b.local);

export function createEventLog(options: { db: () => StateDb; local: LocalEvents; termAt: TermLookup }): EventLog {
  const { db, local } = options;
  const view = (event: RecordedEvent): QuorateEvent => viewEvent(event, options.termAt(db(), event.index));

  /** After a restored backup the last seq may be lower than what local events of before carry: they come first then. */
  function placedLocals(filter: EventFilter): PlacedEvent[] {
    const last = lastEventSeq(db());
    return local
      .after(0)
      .filter(({ event }) => passesFilter(event, filter))
      .map(({ position, event }) => ({ place: { seq: Math.min(event.seq, last), local: position }, event }));
  }

  return {
    local,
    list(filter, before, limit) {
      const below = before.local > 0 ? before.seq + 1 : before.seq;
      const domain = eventsBefore(db(), filter, below, limit).map((event) => ({
        place: { seq: event.seq, local: 0 },
        event: view(event),
      }));
      const locals = placedLocals(filter).filter(({ place }) => isBefore(place, before));
      return [...domain, ...locals].sort((a, b) => (isBefore(a.place, b.place) ? 1 : -1)).slice(0, limit);
    },
    after: (filter, seq, limit) => eventsAfter(db(), filter, seq, limit).map(view),
    lastSeq: () => lastEventSeq(db()),
    view,
  };
}
