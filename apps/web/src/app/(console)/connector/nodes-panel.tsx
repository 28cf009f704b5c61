'use client';

import type { ConnectorNode } from '@quorate/shared/connector';
import { CircleCheck, CircleHelp, CircleX, type LucideIcon, Pause, Power, Radio } from 'lucide-react';
import { Expiry } from '@/components/member-cells';
import { Time } from '@/components/time';
import { Badge, type Tone } from '@/components/ui/badge';
import { Panel } from '@/components/ui/panel';
import { Table, Td, Th, Tr } from '@/components/ui/table';

const ROLES: Record<ConnectorNode['role'], readonly [word: string, tone: Tone, icon: LucideIcon]> = {
  active: ['Active', 'ok', Radio],
  standby: ['Standby', 'info', Pause],
  off: ['Takes no part', 'plain', Power],
  unknown: ['Does not answer', 'warn', CircleHelp],
};

/** The core nodes: which is active, who could take over, with which certificate. */
export function NodesPanel({ nodes }: { nodes: readonly ConnectorNode[] }) {
  return (
    <Panel title="Nodes" flush>
      <Table label="Core nodes">
        <thead>
          <tr>
            <Th>Node</Th>
            <Th>Role</Th>
            <Th>Upstream</Th>
            <Th className="max-sm:hidden">Certificate ends</Th>
          </tr>
        </thead>
        <tbody>
          {nodes.map((node) => (
            <NodeRow key={node.node_id} node={node} />
          ))}
        </tbody>
      </Table>
    </Panel>
  );
}

function NodeRow({ node }: { node: ConnectorNode }) {
  const [word, tone, icon] = ROLES[node.role];
  const { certificate, problem } = node;
  return (
    <Tr>
      <Td>
        <p className="flex flex-wrap items-center gap-1.5 font-medium">
          {node.name}
          {node.is_primary ? <Badge tone="accent">Primary</Badge> : null}
        </p>
        <p className="text-ink-3 text-xs">node {node.node_id}</p>
        {problem ? <p className="max-w-80 break-words text-ink-2 text-xs">{problem}</p> : null}
      </Td>
      <Td>
        <Badge tone={tone} icon={icon}>
          {word}
        </Badge>
      </Td>
      <Td>
        <Reach node={node} />
      </Td>
      <Td className="max-sm:hidden">
        <Expiry at={certificate?.expires_at ?? null} />
        {certificate ? (
          <p className="text-ink-3 text-xs">{certificate.source === 'file' ? 'from a file' : 'of the cluster'}</p>
        ) : null}
      </Td>
    </Tr>
  );
}

function Reach({ node: { connected, reachable, checked_at: at } }: { node: ConnectorNode }) {
  if (connected) {
    return (
      <Badge tone="ok" icon={CircleCheck}>
        Connected
      </Badge>
    );
  }
  if (reachable === null) return <span className="text-ink-3">not tried</span>;
  return (
    <div className="space-y-0.5">
      <Badge tone={reachable ? 'plain' : 'bad'} icon={reachable ? CircleCheck : CircleX}>
        {reachable ? 'Reached' : 'Not reached'}
      </Badge>
      {at ? <Time at={at} className="block text-ink-3 text-xs" /> : null}
    </div>
  );
}
