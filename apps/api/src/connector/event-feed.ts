import type { EventPlace, FromGateway } from '@quorate/shared/connector-protocol';
import type { EventBus } from '../events/bus';
import type { EventLog } from '../events/event-log';

const PAGE = 100;
/** Beyond so many bytes that the upstream has not taken yet, events wait in the state. */
const MAX_UNSENT_BYTES = 1024 * 1024;

export interface EventFeed {
  /** Sends what is there, as far as the upstream takes it. */
  pump(): void;
  /** Events of the state that were not sent yet. */
  readonly lag: number;
  stop(): void;
}

/** The replicated events after the last one that the upstream has, in order, for as long as the connection lasts. */
export function startEventFeed(options: {
  log: EventLog;
  bus: EventBus;
  last: EventPlace | null;
  send: (frame: FromGateway) => void;
  unsentBytes: () => number;
  /** Called with how many were sent. */
  onSent: (count: number) => void;
}): EventFeed {
  const { log, send } = options;
  const begin = whereToBegin(log, options.last);
  let sent = begin.after;
  let stopped = false;
  let scheduled = false;

  function pump(): void {
    while (!stopped && options.unsentBytes() < MAX_UNSENT_BYTES) {
      const events = log.after({}, sent, PAGE);
      for (const event of events) send({ type: 'event', event });
      options.onSent(events.length);
      sent = events.at(-1)?.seq ?? sent;
      if (events.length < PAGE) return;
    }
  }
  /** Once for all entries that are applied in a row. */
  const unsubscribe = options.bus.subscribe(() => {
    if (scheduled) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      pump();
    });
  });
  send({ type: 'resumed', ...begin });
  return {
    pump,
    get lag() {
      return Math.max(0, log.lastSeq() - sent);
    },
    stop() {
      stopped = true;
      unsubscribe();
    },
  };
}

/**
 * After the named event, when it is here and the same one. Where it is not (trimmed since, or numbers were given anew by
 * a recovery) everything that is kept is sent: repeats are known by their ids.
 */
function whereToBegin(log: EventLog, last: EventPlace | null): { after: number; complete: boolean } {
  if (last === null) return { after: log.lastSeq(), complete: true };
  if (last.seq === 0) return { after: 0, complete: log.after({}, 0, 1)[0]?.seq === 1 || log.lastSeq() === 0 };
  const [found] = log.after({}, last.seq - 1, 1);
  if (found?.seq === last.seq && found.id === last.id) return { after: last.seq, complete: true };
  const trimmed = found !== undefined && found.seq > last.seq;
  return { after: trimmed ? last.seq : 0, complete: trimmed && found.seq === last.seq + 1 };
}
