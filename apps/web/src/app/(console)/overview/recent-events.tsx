'use client';

import { useInfiniteQuery } from '@tanstack/react-query';
import Link from 'next/link';
import { EventList } from '@/components/event-list';
import { ErrorState } from '@/components/states';
import { buttonClass } from '@/components/ui/button';
import { Panel } from '@/components/ui/panel';
import { SkeletonRows } from '@/components/ui/skeleton';
import { useListPollMs } from '@/lib/live';
import { eventsQuery } from '@/lib/queries';

const SHOWN = 7;

export function RecentEvents() {
  const events = useInfiniteQuery({ ...eventsQuery({}), refetchInterval: useListPollMs() });
  const items = events.data?.pages[0]?.items.slice(0, SHOWN) ?? [];
  const link = (
    <Link href="/events" className={buttonClass('ghost', 'sm')}>
      All events
    </Link>
  );
  return (
    <Panel title="Last events" flush actions={link}>
      {events.isPending ? <SkeletonRows rows={4} /> : null}
      {events.isError ? <ErrorState error={events.error} onRetry={() => void events.refetch()} /> : null}
      {events.isSuccess && items.length === 0 ? <p className="px-3.5 py-3 text-ink-2">Nothing happened yet.</p> : null}
      <EventList events={items} compact />
    </Panel>
  );
}
