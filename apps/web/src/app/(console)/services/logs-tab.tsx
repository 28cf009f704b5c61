'use client';

import type { Service } from '@quorate/shared/services';
import { Boxes } from 'lucide-react';
import { parseAsInteger, useQueryState } from 'nuqs';
import { LogPanel } from '@/components/log-view';
import { EmptyState } from '@/components/states';
import { Panel } from '@/components/ui/panel';
import { Select } from '@/components/ui/select';
import { REPLICA_LOG } from '@/lib/log-text';
import { replicaWord } from './service-badges';
import type { Replica } from './service-words';

/** Which replica's output is shown; in the address, so that a link shows the same. */
export const SLOT = parseAsInteger;

const labelOf = (replica: Replica): string =>
  `Replica ${replica.slot} · ${replica.runner ?? 'no runner yet'} · ${replicaWord(replica).toLowerCase()}`;

/** What one replica writes, as it comes, over all of its further placements. */
export function LogsTab({ service: { name, instances } }: { service: Service }) {
  const [wanted, setWanted] = useQueryState('slot', SLOT);
  const slot = wanted ?? instances[0]?.slot;
  if (slot === undefined) {
    return (
      <Panel flush>
        <EmptyState icon={Boxes} title="No replica" cli={`quorate scale ${name} 1`}>
          There is no output without one.
        </EmptyState>
      </Panel>
    );
  }
  const options = instances.map((replica) => ({ value: String(replica.slot), label: labelOf(replica) }));
  // A link may name one that is gone: its output says so.
  const known = instances.some((replica) => replica.slot === slot);
  const path = `/v1/services/${name}/replicas/${slot}/logs`;
  return (
    <div className="space-y-4">
      <Select
        aria-label="Replica"
        className="w-full sm:w-96"
        value={String(slot)}
        options={known ? options : [{ value: String(slot), label: `Replica ${slot} · not there any more` }, ...options]}
        onChange={(event) => void setWanted(Number(event.target.value))}
      />
      <LogPanel
        key={`${name}/${slot}`}
        title="Output"
        source={REPLICA_LOG}
        follow={`${path}?follow=true`}
        download={path}
        file={`${name}-${slot}.log`}
      />
    </div>
  );
}
