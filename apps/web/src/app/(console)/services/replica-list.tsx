'use client';

import Link from 'next/link';
import { useState } from 'react';
import { ACTIONS } from '@/components/actions-menu';
import { DataList } from '@/components/data-list';
import { Time } from '@/components/time';
import { Badge } from '@/components/ui/badge';
import { Button } from '@/components/ui/button';
import { Facts } from '@/components/ui/panel';
import { asSentence, formatCountdown, formatInt } from '@/lib/format';
import { useNow } from '@/lib/use-now';
import { ReplicaBadge } from './service-badges';
import type { Replica } from './service-words';

const SHOWN = 100;

interface ReplicaListProps {
  instances: readonly Replica[];
  /** The revision that is wanted: others are marked. */
  revision: number;
  /** Shows what the replica of a slot writes. */
  onOutput: (slot: number) => void;
}

/** Every replica with its state, and why when that is not what is wanted. */
export function ReplicaList({ instances, revision, onOutput }: ReplicaListProps) {
  const [all, setAll] = useState(false);
  const shown = all ? instances : instances.slice(0, SHOWN);
  return (
    <>
      <DataList
        label="Replicas"
        from="md"
        rows={shown}
        keyOf={({ slot }) => slot}
        columns={[
          { head: 'Slot', className: 'tabular-nums', cell: ({ slot }) => slot },
          { head: 'State', className: 'min-w-32', cell: (replica) => <State replica={replica} /> },
          { head: 'Runner', className: 'whitespace-nowrap', cell: (replica) => <Where replica={replica} /> },
          {
            head: 'Ports',
            className: 'whitespace-nowrap font-mono text-xs leading-5',
            cell: ({ ports }) => <Ports ports={Object.entries(ports)} />,
          },
          {
            head: 'Revision',
            right: true,
            cell: ({ revision: has }) => (has === revision ? has : <Badge tone="info">{has}</Badge>),
          },
          {
            head: 'Restarts',
            right: true,
            className: 'tabular-nums',
            cell: ({ restarts }) => (restarts === 0 ? <span className="text-ink-3">0</span> : restarts),
          },
          { head: 'Since', right: true, cell: ({ since }) => <Time at={since} /> },
          {
            ...ACTIONS,
            cell: ({ slot }) => <OutputButton slot={slot} onOutput={onOutput} />,
          },
        ]}
        card={(replica) => (
          <>
            <div className="flex items-start gap-2">
              <div className="min-w-0 flex-1">
                <State replica={replica} />
              </div>
              <OutputButton slot={replica.slot} onOutput={onOutput} />
            </div>
            <Facts
              items={[
                { label: 'Slot', value: replica.slot },
                { label: 'Runner', value: <Where replica={replica} /> },
                { label: 'Ports', value: <Ports ports={Object.entries(replica.ports)} />, mono: true },
                { label: 'Revision', value: replica.revision },
                { label: 'Restarts', value: replica.restarts },
                { label: 'Since', value: <Time at={replica.since} show="both" /> },
              ]}
            />
          </>
        )}
      />
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

function State({ replica }: { replica: Replica }) {
  const { reason, moves_at: at } = replica;
  return (
    <>
      <ReplicaBadge replica={replica} />
      {reason ? <p className="mt-1 break-words text-ink-2 text-xs">{asSentence(reason)}</p> : null}
      {at ? <MovesIn at={at} /> : null}
    </>
  );
}

function OutputButton({ slot, onOutput }: { slot: number; onOutput: (slot: number) => void }) {
  return (
    <Button size="sm" onClick={() => onOutput(slot)} aria-label={`Output of replica ${slot}`}>
      Output
    </Button>
  );
}

function Ports({ ports }: { ports: readonly [name: string, port: number][] }) {
  if (ports.length === 0) return <span className="text-ink-3">–</span>;
  return ports.map(([name, port]) => (
    <p key={name}>
      {name} {port}
    </p>
  ));
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
