'use client';

import type { HaMode } from '@quorate/shared/ha';
import { useQuery } from '@tanstack/react-query';
import { CircleOff, ShieldCheck } from 'lucide-react';
import Link from 'next/link';
import { Badge } from '@/components/ui/badge';
import { buttonClass } from '@/components/ui/button';
import { plural } from '@/lib/format';
import { clusterQuery } from '@/lib/queries';

/** How many nodes answer of those that there are, or that HA mode needs, drawn; the text beside it says the same. */
function NodeMeter({ nodes, healthy, needed }: { nodes: number; healthy: number; needed: number }) {
  return (
    <div aria-hidden className="flex h-7 items-stretch gap-1">
      {Array.from({ length: Math.max(nodes, needed) }, (_, index) => (
        <span
          // biome-ignore lint/suspicious/noArrayIndexKey: segments are anonymous and never reordered
          key={index}
          className={
            index < healthy
              ? `w-4 rounded-sm ${healthy >= needed ? 'bg-ok' : 'bg-warn'}`
              : 'w-4 rounded-sm border border-line-strong border-dashed'
          }
        />
      ))}
    </div>
  );
}

function sentenceOf({ enabled, nodes, nodes_needed: needed, system_replicas, failover_seconds }: HaMode): string {
  if (enabled) {
    return `System services are to run ${system_replicas} times, on distinct nodes. What a failed node ran moves after ${failover_seconds} s.`;
  }
  if (nodes >= needed) return `The cluster has the ${needed} nodes that HA mode needs: it can be switched on.`;
  return `HA mode needs ${plural(needed, 'voting node')}; this cluster has ${nodes}.`;
}

/** Whether it is on, and whether it could be. */
export function HaState({ ha }: { ha: HaMode }) {
  const { enabled, nodes, nodes_needed: needed, warning } = ha;
  const { data } = useQuery(clusterQuery);
  const healthy = data?.quorum.healthy ?? nodes;
  return (
    <section aria-label="HA mode" className="space-y-3 rounded-lg border bg-surface p-4 sm:p-5">
      <div className="flex flex-wrap items-center gap-3">
        <NodeMeter nodes={nodes} healthy={healthy} needed={needed} />
        {enabled ? (
          <Badge tone={warning || healthy < nodes ? 'warn' : 'ok'} icon={ShieldCheck}>
            {warning || healthy < nodes ? 'On, with something missing' : 'On'}
          </Badge>
        ) : (
          <Badge icon={CircleOff}>Off</Badge>
        )}
        <span className="text-ink-3 text-xs">
          {healthy < nodes ? `${healthy} of ${plural(nodes, 'voting node')} healthy` : plural(nodes, 'voting node')} ·{' '}
          {needed} needed
        </span>
      </div>
      <p aria-live="polite" className="max-w-3xl text-balance font-semibold text-ink text-lg leading-7 tracking-tight">
        {sentenceOf(ha)}
      </p>
      {nodes < needed ? (
        <Link href="/join-tokens?mint=true" className={buttonClass()}>
          Add a node
        </Link>
      ) : null}
    </section>
  );
}
