'use client';

import type { HaMode } from '@quorate/shared/ha';
import { Hourglass } from 'lucide-react';
import Link from 'next/link';
import { DataTable } from '@/components/data-list';
import { Time } from '@/components/time';
import { Badge } from '@/components/ui/badge';
import { Panel } from '@/components/ui/panel';
import { asSentence, formatCountdown } from '@/lib/format';
import { useNow } from '@/lib/use-now';

/** Replicas of runners that are gone, with when they go elsewhere; nothing when there are none. */
export function PendingMoves({ moves }: { moves: HaMode['pending_moves'] }) {
  if (moves.length === 0) return null;
  return (
    <Panel title="About to move" flush>
      <p className="px-3.5 pt-3 pb-2 text-ink-2">
        Their runner is offline. If it is back before they moved, they stay where they are.
      </p>
      <DataTable
        label="About to move"
        rows={moves}
        keyOf={({ service, slot }) => `${service}/${slot}`}
        columns={[
          {
            head: 'Replica',
            cell: ({ service, slot, runner }) => (
              <>
                <ReplicaLink service={service} slot={slot} />
                <p className="text-ink-3 text-xs sm:hidden">{runner}</p>
              </>
            ),
          },
          { head: 'Runner', from: 'sm', className: 'whitespace-nowrap', cell: ({ runner }) => runner },
          { head: 'Moves in', cell: (move) => <MoveState move={move} /> },
          { head: 'Offline', right: true, from: 'sm', cell: ({ offline_since: at }) => <Time at={at} /> },
        ]}
      />
    </Panel>
  );
}

export const ReplicaLink = ({ service, slot }: { service: string; slot: number }) => (
  <Link
    href={`/services?service=${encodeURIComponent(service)}`}
    className="font-medium text-ink underline-offset-2 hover:underline"
  >
    {service} <span className="font-normal text-ink-2">slot {slot}</span>
  </Link>
);

/** Counts down; from then on, what stands against it. */
function MoveState({ move: { moves_at: at, reason } }: { move: HaMode['pending_moves'][number] }) {
  const left = (Date.parse(at) - useNow()) / 1000;
  return (
    <>
      <Badge tone="warn" icon={Hourglass}>
        {left > 0 ? <span role="timer">{formatCountdown(left)}</span> : 'due'}
      </Badge>
      {left > 0 ? null : <p className="mt-1 break-words text-ink-2 text-xs">{asSentence(reason)}</p>}
    </>
  );
}
