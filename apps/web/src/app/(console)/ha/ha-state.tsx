import type { HaMode } from '@quorate/shared/ha';
import { CircleOff, ShieldCheck } from 'lucide-react';
import Link from 'next/link';
import { Badge } from '@/components/ui/badge';
import { buttonClass } from '@/components/ui/button';
import { plural } from '@/lib/format';

/** How many nodes there are of those that HA mode needs, drawn; the text beside it says the same. */
function NodeMeter({ nodes, needed }: { nodes: number; needed: number }) {
  return (
    <div aria-hidden className="flex h-7 items-stretch gap-1">
      {Array.from({ length: Math.max(nodes, needed) }, (_, index) => (
        <span
          // biome-ignore lint/suspicious/noArrayIndexKey: segments are anonymous and never reordered
          key={index}
          className={
            index < nodes
              ? `w-4 rounded-sm ${nodes >= needed ? 'bg-ok' : 'bg-warn'}`
              : 'w-4 rounded-sm border border-line-strong border-dashed'
          }
        />
      ))}
    </div>
  );
}

function sentenceOf({ enabled, nodes, nodes_needed: needed, system_replicas, failover_seconds }: HaMode): string {
  if (enabled) {
    return `System services run ${system_replicas} times on distinct nodes. What a failed node ran moves after ${failover_seconds} s.`;
  }
  if (nodes >= needed) return `The cluster has the ${needed} nodes that HA mode needs: it can be switched on.`;
  return `HA mode needs ${plural(needed, 'voting node')}; this cluster has ${nodes}.`;
}

/** Whether it is on, and whether it could be. */
export function HaState({ ha }: { ha: HaMode }) {
  const { enabled, nodes, nodes_needed: needed } = ha;
  return (
    <section aria-label="HA mode" className="space-y-3 rounded-lg border bg-surface p-4 sm:p-5">
      <div className="flex flex-wrap items-center gap-3">
        <NodeMeter nodes={nodes} needed={needed} />
        {enabled ? (
          <Badge tone="ok" icon={ShieldCheck}>
            On
          </Badge>
        ) : (
          <Badge icon={CircleOff}>Off</Badge>
        )}
        <span className="text-ink-3 text-xs">
          {plural(nodes, 'voting node')} · {needed} needed
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
