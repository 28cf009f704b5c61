'use client';

import Link from 'next/link';
import { useState } from 'react';
import { Time } from '@/components/time';
import { Badge } from '@/components/ui/badge';
import { Button } from '@/components/ui/button';
import { Table, Td, Th, Tr } from '@/components/ui/table';
import { asSentence, formatCountdown, formatInt } from '@/lib/format';
import { useNow } from '@/lib/use-now';
import { ReplicaBadge } from './service-badges';
import type { Replica } from './service-words';

const SHOWN = 100;

interface ReplicaTableProps {
  instances: readonly Replica[];
  /** The revision that is wanted: others are marked. */
  revision: number;
}

/** Every replica with its state, and why when that is not what is wanted. */
export function ReplicaTable({ instances, revision }: ReplicaTableProps) {
  const [all, setAll] = useState(false);
  const shown = all ? instances : instances.slice(0, SHOWN);
  return (
    <>
      <Table label="Replicas">
        <thead>
          <tr>
            <Th>Slot</Th>
            <Th>State</Th>
            <Th>Runner</Th>
            <Th className="max-sm:hidden">Ports</Th>
            <Th className="text-right max-sm:hidden">Revision</Th>
            <Th className="text-right max-sm:hidden">Restarts</Th>
            <Th className="text-right">Since</Th>
          </tr>
        </thead>
        <tbody>
          {shown.map((replica) => (
            <ReplicaRow key={replica.slot} replica={replica} current={replica.revision === revision} />
          ))}
        </tbody>
      </Table>
      {shown.length < instances.length ? (
        <div className="flex justify-center border-t p-2">
          <Button variant="ghost" onClick={() => setAll(true)}>
            Show all {formatInt(instances.length)}
          </Button>
        </div>
      ) : null}
    </>
  );
}

function ReplicaRow({ replica, current }: { replica: Replica; current: boolean }) {
  const ports = Object.entries(replica.ports);
  return (
    <Tr>
      <Td className="tabular-nums">{replica.slot}</Td>
      <Td className="min-w-32">
        <ReplicaBadge state={replica.state} />
        {replica.reason ? <p className="mt-1 break-words text-ink-2 text-xs">{asSentence(replica.reason)}</p> : null}
        {replica.moves_at ? <MovesIn at={replica.moves_at} /> : null}
      </Td>
      <Td>
        <Where replica={replica} />
      </Td>
      <Td className="whitespace-nowrap font-mono text-xs leading-5 max-sm:hidden">
        {ports.length === 0 ? <span className="text-ink-3">–</span> : null}
        {ports.map(([name, port]) => (
          <p key={name}>
            {name} {port}
          </p>
        ))}
      </Td>
      <Td className="text-right max-sm:hidden">
        {current ? replica.revision : <Badge tone="info">{replica.revision}</Badge>}
      </Td>
      <Td className="text-right tabular-nums max-sm:hidden">
        {replica.restarts === 0 ? <span className="text-ink-3">0</span> : replica.restarts}
      </Td>
      <Td className="text-right">
        <Time at={replica.since} />
      </Td>
    </Tr>
  );
}

function Where({ replica: { runner, runner_online: online } }: { replica: Replica }) {
  if (runner === null) return <span className="text-ink-3">none yet</span>;
  return (
    <>
      <Link href={`/runners?runner=${encodeURIComponent(runner)}`} className="underline-offset-2 hover:underline">
        {runner}
      </Link>
      {online ? null : <p className="text-bad text-xs">offline</p>}
    </>
  );
}

/** Counts down to when the replica goes elsewhere. */
export function MovesIn({ at }: { at: string }) {
  const left = (Date.parse(at) - useNow()) / 1000;
  return (
    <p className="mt-1 font-medium text-warn text-xs">
      {left > 0 ? `moves in ${formatCountdown(left)}` : 'due to move'}
    </p>
  );
}
