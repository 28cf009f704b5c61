'use client';

import type { HaMode } from '@quorate/shared/ha';
import { Hourglass } from 'lucide-react';
import Link from 'next/link';
import { Time } from '@/components/time';
import { Badge } from '@/components/ui/badge';
import { Panel } from '@/components/ui/panel';
import { Table, Td, Th, Tr } from '@/components/ui/table';
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
      <Table label="About to move">
        <thead>
          <tr>
            <Th>Replica</Th>
            <Th>Runner</Th>
            <Th>Moves in</Th>
            <Th className="text-right max-sm:hidden">Offline</Th>
          </tr>
        </thead>
        <tbody>
          {moves.map((move) => (
            <Tr key={`${move.service}/${move.slot}`}>
              <Td>
                <ReplicaLink service={move.service} slot={move.slot} />
              </Td>
              <Td>{move.runner}</Td>
              <Td>
                <Countdown at={move.moves_at} />
                <p className="mt-1 break-words text-ink-2 text-xs">{asSentence(move.reason)}</p>
              </Td>
              <Td className="text-right max-sm:hidden">
                <Time at={move.offline_since} />
              </Td>
            </Tr>
          ))}
        </tbody>
      </Table>
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

function Countdown({ at }: { at: string }) {
  const left = (Date.parse(at) - useNow()) / 1000;
  return (
    <Badge tone="warn" icon={Hourglass}>
      {left > 0 ? <span role="timer">{formatCountdown(left)}</span> : 'due'}
    </Badge>
  );
}
