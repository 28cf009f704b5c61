'use client';

import { useInfiniteQuery } from '@tanstack/react-query';
import { ShieldCheck } from 'lucide-react';
import { DataTable } from '@/components/data-list';
import { FromTo } from '@/components/from-to';
import { ListStates } from '@/components/list-states';
import { EmptyState } from '@/components/states';
import { Time } from '@/components/time';
import { Panel } from '@/components/ui/panel';
import { cn } from '@/lib/cn';
import { formatMs } from '@/lib/format';
import { useListPollMs } from '@/lib/live';
import { haFailoversQuery } from '@/lib/queries';
import { ReplicaLink } from './pending-moves';

/** Later than this is worth a look: the leader looks every second. */
const LATE_MS = 3_000;

const between = (from: string, to: string): number => Date.parse(to) - Date.parse(from);

/** Replicas that moved since their runner failed: when that was due, and when it was done. */
export function FailoverHistory() {
  const failovers = useInfiniteQuery({ ...haFailoversQuery, refetchInterval: useListPollMs() });
  const items = failovers.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <Panel title="Failovers of replicas" flush>
      <ListStates
        query={failovers}
        count={items.length}
        rows={3}
        empty={
          <EmptyState icon={ShieldCheck} title="No replica had to move yet" cli="quorate ha failovers">
            Each move is listed with when it was due and when it was done.
          </EmptyState>
        }
      >
        <DataTable
          label="Failovers of replicas"
          rows={items}
          keyOf={({ id }) => id}
          columns={[
            { head: 'Replica', cell: ({ service, slot }) => <ReplicaLink service={service} slot={slot} /> },
            { head: 'Runner', cell: ({ runner, to_runner: to }) => <FromTo from={runner} to={to} /> },
            {
              head: 'Due after',
              right: true,
              className: 'whitespace-nowrap',
              cell: ({ offline_at, due_at }) => formatMs(between(offline_at, due_at)),
            },
            {
              head: 'Moved after',
              right: true,
              className: 'whitespace-nowrap',
              cell: ({ offline_at, moved_at, late_ms: late }) => (
                <>
                  {formatMs(between(offline_at, moved_at))}
                  <p className={cn('text-xs', late > LATE_MS ? 'text-warn' : 'text-ink-3')}>{formatMs(late)} late</p>
                </>
              ),
            },
            {
              head: 'Healthy after',
              right: true,
              from: 'sm',
              className: 'whitespace-nowrap',
              cell: ({ offline_at, healthy_at: at }) =>
                at === null ? <span className="text-ink-3">not yet</span> : formatMs(between(offline_at, at)),
            },
            { head: 'When', right: true, cell: ({ moved_at: at }) => <Time at={at} /> },
          ]}
        />
      </ListStates>
    </Panel>
  );
}
