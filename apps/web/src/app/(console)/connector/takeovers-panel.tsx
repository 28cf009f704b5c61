'use client';

import type { ConnectorNode, ConnectorTakeover } from '@quorate/shared/connector';
import { Cable } from 'lucide-react';
import { DataTable } from '@/components/data-list';
import { FromTo } from '@/components/from-to';
import { EmptyState } from '@/components/states';
import { Time } from '@/components/time';
import { Badge, type Tone } from '@/components/ui/badge';
import { Panel } from '@/components/ui/panel';
import { formatMs } from '@/lib/format';

const REASONS: Record<ConnectorTakeover['reason'], readonly [word: string, tone: Tone]> = {
  first: ['First connection', 'plain'],
  restarted: ['Restarted', 'plain'],
  shutdown: ['Shut down', 'plain'],
  node_lost: ['Node lost', 'bad'],
  quorum_lost: ['Cut from the quorum', 'bad'],
  upstream_lost: ['Lost the upstream', 'warn'],
  primary_back: ['Primary is back', 'info'],
  settings: ['Settings', 'plain'],
  drained: ['Drained', 'plain'],
  node_removed: ['Node removed', 'plain'],
};

interface TakeoversProps {
  takeovers: readonly ConnectorTakeover[];
  nodes: readonly ConnectorNode[];
}

/** Who took over from whom, why, and how long nobody was connected. */
export function TakeoversPanel({ takeovers, nodes }: TakeoversProps) {
  const nameOf = (id: number) => nodes.find((node) => node.node_id === id)?.name ?? `node ${id}`;
  return (
    <Panel title="Takeovers" flush>
      {takeovers.length === 0 ? (
        <EmptyState icon={Cable} title="No node was active yet" cli="quorate connector set --url wss://…">
          Name an upstream, and one of the core nodes connects to it.
        </EmptyState>
      ) : (
        <DataTable
          label="Takeovers"
          rows={takeovers}
          keyOf={({ generation }) => generation}
          columns={[
            {
              head: 'Active node',
              cell: ({ from_node_id: from, node_id: to, claimed_at: at }) => (
                <>
                  <FromTo from={from !== null && from !== to ? nameOf(from) : undefined} to={nameOf(to)} />
                  <Time at={at} className="text-ink-3 text-xs sm:hidden" />
                </>
              ),
            },
            { head: 'Reason', cell: ({ reason }) => <Badge tone={REASONS[reason][1]}>{REASONS[reason][0]}</Badge> },
            { head: 'Gap', right: true, className: 'tabular-nums', cell: gapOf },
            { head: 'When', right: true, from: 'sm', cell: ({ claimed_at: at }) => <Time at={at} /> },
          ]}
        />
      )}
    </Panel>
  );
}

const gapOf = ({ gap_ms: gap, connected_at: at }: ConnectorTakeover) =>
  gap !== null ? formatMs(gap) : <span className="text-ink-3">{at === null ? 'never connected' : '–'}</span>;
