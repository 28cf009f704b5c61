'use client';

import type { ConnectorNode } from '@quorate/shared/connector';
import { CircleCheck, CircleHelp, CircleX, Pause, Power, Radio } from 'lucide-react';
import { DataTable } from '@/components/data-list';
import { Expiry } from '@/components/member-cells';
import { Time } from '@/components/time';
import { Badge, type Look, LookBadge } from '@/components/ui/badge';
import { Panel } from '@/components/ui/panel';

const ROLES: Record<ConnectorNode['role'], Look> = {
  active: ['Active', 'ok', Radio],
  standby: ['Standby', 'info', Pause],
  off: ['Takes no part', 'plain', Power],
  unknown: ['Does not answer', 'warn', CircleHelp],
};

const UNCONNECTED = ['Active', 'warn', Radio] as const;

/** The core nodes: which is active, who could take over, with which certificate. */
export function NodesPanel({ nodes }: { nodes: readonly ConnectorNode[] }) {
  return (
    <Panel title="Nodes" flush>
      <DataTable
        label="Core nodes"
        rows={nodes}
        keyOf={({ node_id: id }) => id}
        columns={[
          { head: 'Node', cell: (node) => <Name node={node} /> },
          { head: 'Role', cell: (node) => <Role node={node} /> },
          { head: 'Upstream', cell: (node) => <Reach node={node} /> },
          { head: 'Certificate ends', from: 'sm', cell: (node) => <Certificate node={node} /> },
        ]}
      />
    </Panel>
  );
}

function Name({ node: { node_id: id, name, is_primary: isPrimary, problem } }: { node: ConnectorNode }) {
  return (
    <>
      <p className="flex flex-wrap items-center gap-1.5 font-medium">
        {name}
        {isPrimary ? <Badge tone="accent">Primary</Badge> : null}
      </p>
      <p className="text-ink-3 text-xs">node {id}</p>
      {problem ? <p className="max-w-80 break-words text-ink-2 text-xs">{problem}</p> : null}
    </>
  );
}

function Role({ node: { role, connected } }: { node: ConnectorNode }) {
  const [word, tone, icon] = role === 'active' && !connected ? UNCONNECTED : ROLES[role];
  return <LookBadge look={[word, tone, icon]} />;
}

function Certificate({ node: { certificate } }: { node: ConnectorNode }) {
  return (
    <>
      <Expiry at={certificate?.expires_at ?? null} />
      {certificate ? (
        <p className="text-ink-3 text-xs">{certificate.source === 'file' ? 'from a file' : 'of the cluster'}</p>
      ) : null}
    </>
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
