'use client';

import type { HaFailover } from '@quorate/shared/ha';
import { useInfiniteQuery } from '@tanstack/react-query';
import { ArrowRight, ShieldCheck } from 'lucide-react';
import { ListStates } from '@/components/list-states';
import { EmptyState } from '@/components/states';
import { Time } from '@/components/time';
import { Panel } from '@/components/ui/panel';
import { Table, Td, Th, Tr } from '@/components/ui/table';
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
        <Table label="Failovers of replicas">
          <thead>
            <tr>
              <Th>Replica</Th>
              <Th>Runner</Th>
              <Th className="text-right">Due after</Th>
              <Th className="text-right">Moved after</Th>
              <Th className="text-right max-sm:hidden">Healthy after</Th>
              <Th className="text-right">When</Th>
            </tr>
          </thead>
          <tbody>
            {items.map((failover) => (
              <FailoverRow key={failover.id} failover={failover} />
            ))}
          </tbody>
        </Table>
      </ListStates>
    </Panel>
  );
}

function FailoverRow({ failover }: { failover: HaFailover }) {
  const { service, slot, runner, to_runner, offline_at, due_at, moved_at, late_ms, healthy_at } = failover;
  return (
    <Tr>
      <Td>
        <ReplicaLink service={service} slot={slot} />
      </Td>
      <Td>
        <span className="flex flex-wrap items-center gap-1.5">
          {runner}
          <ArrowRight aria-label="to" className="size-3.5 text-ink-3" />
          <span className="font-medium">{to_runner}</span>
        </span>
      </Td>
      <Td className="whitespace-nowrap text-right">{formatMs(between(offline_at, due_at))}</Td>
      <Td className="whitespace-nowrap text-right">
        {formatMs(between(offline_at, moved_at))}
        <p className={cn('text-xs', late_ms > LATE_MS ? 'text-warn' : 'text-ink-3')}>{formatMs(late_ms)} late</p>
      </Td>
      <Td className="whitespace-nowrap text-right max-sm:hidden">
        {healthy_at === null ? <span className="text-ink-3">not yet</span> : formatMs(between(offline_at, healthy_at))}
      </Td>
      <Td className="text-right">
        <Time at={moved_at} />
      </Td>
    </Tr>
  );
}
