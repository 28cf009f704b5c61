import { eventRoutes } from '@quorate/shared/events';
import { DomainError } from '../../commands/domain-error';
import type { EventBus } from '../../events/bus';
import { listEvents } from '../../events/queries';
import { openEventStream, shareView } from '../../events/sse';
import { type Endpoint, endpoint } from '../../http/endpoint';
import { numberCursor, pageOf } from '../../http/page';

export interface EventDeps {
  readonly bus: EventBus;
  readonly clusterView: () => string;
  /** Aborts when the node stops, so that streams do not hold it up. */
  readonly stopping: AbortSignal;
}

function lastEventId(value: string | undefined): number | undefined {
  if (value === undefined || value === '') return undefined;
  if (!/^\d{1,15}$/.test(value)) throw new DomainError('invalid_request', 'Last-Event-ID must be the id of an event');
  return Number(value);
}

export function eventEndpoints(deps: EventDeps): Endpoint[] {
  const clusterView = shareView(deps.clusterView);
  return [
    endpoint(eventRoutes.list, (ctx, { query }) => {
      const rows = listEvents(ctx.db, query, numberCursor(query.cursor), query.limit + 1);
      return pageOf(
        ctx,
        eventRoutes.list.path,
        rows,
        query.limit,
        (row) => row.seq,
        (row) => row,
      );
    }),
    endpoint(eventRoutes.stream, (ctx, { query }) =>
      openEventStream({
        db: () => ctx.db,
        bus: deps.bus,
        filter: query,
        lastSeq: lastEventId(ctx.header('last-event-id')),
        clusterView,
        signal: AbortSignal.any([ctx.signal, deps.stopping]),
      }),
    ),
  ];
}
