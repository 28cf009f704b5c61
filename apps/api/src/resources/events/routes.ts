import { eventRoutes } from '@quorate/shared/events';
import { DomainError } from '../../commands/domain-error';
import type { EventBus } from '../../events/bus';
import { type EventLog, LAST_PLACE, type Place } from '../../events/event-log';
import { openEventStream, shareView } from '../../events/sse';
import { type Endpoint, endpoint } from '../../http/endpoint';
import { invalidCursor, pageOf, textCursor } from '../../http/page';

export interface EventDeps {
  readonly bus: EventBus;
  readonly eventLog: EventLog;
  /** Counts open streams, up and down. */
  readonly onStreams: (change: 1 | -1) => void;
  readonly clusterView: () => string;
  /** Aborts when the node stops, so that streams do not hold it up. */
  readonly stopping: AbortSignal;
}

const EVENT_ID = /^(\d{1,15})(?:\.(\d{1,15}))?$/;

/** @throws DomainError invalid_request */
function lastEventId(value: string | undefined): { seq: number; local: number | undefined } | undefined {
  if (value === undefined || value === '') return undefined;
  const match = EVENT_ID.exec(value);
  if (!match) throw new DomainError('invalid_request', 'Last-Event-ID must be the id of an event');
  return { seq: Number(match[1]), local: match[2] === undefined ? undefined : Number(match[2]) };
}

/** @throws DomainError validation_failed */
function placeOf(cursor: string | undefined): Place {
  if (cursor === undefined) return LAST_PLACE;
  const match = EVENT_ID.exec(textCursor(cursor));
  if (!match) throw invalidCursor();
  return { seq: Number(match[1]), local: Number(match[2] ?? 0) };
}

export function eventEndpoints(deps: EventDeps): Endpoint[] {
  const clusterView = shareView(deps.clusterView);
  return [
    endpoint(eventRoutes.list, (ctx, { query }) => {
      const rows = deps.eventLog.list(query, placeOf(query.cursor), query.limit + 1);
      return pageOf(
        ctx,
        eventRoutes.list.path,
        rows,
        query.limit,
        ({ place }) => `${place.seq}.${place.local}`,
        ({ event }) => event,
      );
    }),
    endpoint(eventRoutes.stream, (ctx, { query }) => {
      const resume = lastEventId(ctx.header('last-event-id'));
      deps.onStreams(1);
      return openEventStream({
        log: deps.eventLog,
        bus: deps.bus,
        filter: query,
        resume,
        onEnd: () => deps.onStreams(-1),
        clusterView,
        signal: AbortSignal.any([ctx.signal, deps.stopping]),
      });
    }),
  ];
}
