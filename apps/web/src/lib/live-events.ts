import { passesFilter, type QuorateEvent, topicOf } from '@quorate/shared/events';
import type { InfiniteData, QueryClient } from '@tanstack/react-query';
import type { EventFilter, Resource } from './queries';

/** What an event about something may have changed. The cluster itself arrives on the stream. */
const TOUCHES: Record<string, readonly Resource[]> = {
  cluster: ['setup', 'haproxy', 'restore', 'backups'],
  alarm: ['alarms'],
  members: ['joins', 'haproxy'],
  member: ['joins', 'join-tokens', 'haproxy'],
  join_token: ['join-tokens', 'joins'],
  user: ['users'],
  api_token: ['api-tokens'],
  leadership: ['failovers'],
  failover: ['failovers'],
  keys: ['keys', 'join-tokens'],
  webhook: ['webhooks'],
  retention: ['retention'],
  connector: ['connector'],
  backup: ['backups', 'backup-targets'],
  session: [],
  haproxy: ['haproxy'],
  runner: ['runners', 'join-tokens', 'services', 'ha'],
  job: ['jobs', 'job-schedules', 'runners'],
  ha: ['ha', 'services'],
  service: ['services', 'runners', 'haproxy'],
  replica: ['services', 'ha', 'runners', 'haproxy'],
};

/** The resources whose lists an event makes stale; the audit always is. */
export const resourcesTouchedBy = (event: Pick<QuorateEvent, 'type'>): readonly Resource[] => [
  ...(TOUCHES[topicOf(event.type)] ?? []),
  'audit',
];

type EventPages = InfiniteData<{ items: QuorateEvent[]; next_cursor: string | null }>;

/** Puts an event on top of the first page; one that is there already changes nothing. */
export function prependEvent(data: EventPages | undefined, event: QuorateEvent): EventPages | undefined {
  const [first, ...rest] = data?.pages ?? [];
  if (!data || !first) return data;
  if (first.items.some((known) => known.id === event.id)) return data;
  // Local events carry the seq of the event before them: their time decides.
  const items = [event, ...first.items].sort((a, b) => b.seq - a.seq || (a.at < b.at ? 1 : -1));
  return { ...data, pages: [{ ...first, items }, ...rest] };
}

/** Shows a live event in every cached event list whose filter it passes. */
export function showEvent(client: QueryClient, event: QuorateEvent): void {
  for (const query of client.getQueryCache().findAll({ queryKey: ['events' satisfies Resource, 'pages'] })) {
    const filter = query.queryKey[2] as EventFilter;
    if (passesFilter(event, filter)) {
      client.setQueryData<EventPages>(query.queryKey, (data) => prependEvent(data, event));
    }
  }
}
