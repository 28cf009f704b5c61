'use client';

import type { ConnectorNode, ConnectorTakeover } from '@quorate/shared/connector';
import { ArrowRight, Cable } from 'lucide-react';
import { EmptyState } from '@/components/states';
import { Time } from '@/components/time';
import { Badge, type Tone } from '@/components/ui/badge';
import { Panel } from '@/components/ui/panel';
import { Table, Td, Th, Tr } from '@/components/ui/table';
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
        <Table label="Takeovers">
          <thead>
            <tr>
              <Th>Active node</Th>
              <Th>Reason</Th>
              <Th className="text-right">Gap</Th>
              <Th className="text-right max-sm:hidden">When</Th>
            </tr>
          </thead>
          <tbody>
            {takeovers.map((takeover) => (
              <TakeoverRow key={takeover.generation} takeover={takeover} nameOf={nameOf} />
            ))}
          </tbody>
        </Table>
      )}
    </Panel>
  );
}

function TakeoverRow({ takeover, nameOf }: { takeover: ConnectorTakeover; nameOf: (id: number) => string }) {
  const { from_node_id: from, node_id: to, reason, claimed_at, connected_at, gap_ms } = takeover;
  const [word, tone] = REASONS[reason];
  return (
    <Tr>
      <Td>
        <span className="flex flex-wrap items-center gap-1.5">
          {from !== null && from !== to ? (
            <>
              {nameOf(from)}
              <ArrowRight aria-label="to" className="size-3.5 text-ink-3" />
            </>
          ) : null}
          <span className="font-medium">{nameOf(to)}</span>
        </span>
        <Time at={claimed_at} className="text-ink-3 text-xs sm:hidden" />
      </Td>
      <Td>
        <Badge tone={tone}>{word}</Badge>
      </Td>
      <Td className="text-right tabular-nums">
        {gap_ms !== null ? (
          formatMs(gap_ms)
        ) : (
          <span className="text-ink-3">{connected_at === null ? 'never connected' : '–'}</span>
        )}
      </Td>
      <Td className="text-right max-sm:hidden">
        <Time at={claimed_at} />
      </Td>
    </Tr>
  );
}
