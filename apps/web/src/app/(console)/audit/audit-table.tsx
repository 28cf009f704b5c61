'use client';

import type { AuditRecord } from '@quorate/shared/audit';
import { CircleCheck, CircleX } from 'lucide-react';
import { DataList } from '@/components/data-list';
import { Time } from '@/components/time';
import { Badge } from '@/components/ui/badge';

const KINDS: Record<AuditRecord['actor_kind'], string> = {
  user: 'user',
  api_token: 'API token',
  local: 'on the host',
  node: 'node',
  upstream: 'upstream',
  anonymous: 'no session',
};

function Outcome({ record }: { record: AuditRecord }) {
  return record.outcome === 'ok' ? (
    <Badge tone="ok" icon={CircleCheck}>
      Done
    </Badge>
  ) : (
    <span className="inline-flex flex-wrap items-center gap-x-1.5">
      <Badge tone="bad" icon={CircleX}>
        Refused
      </Badge>
      <code className="font-mono text-2xs text-ink-2">{record.code}</code>
    </span>
  );
}

/** Audit records, newest first. */
export function AuditTable({ records }: { records: readonly AuditRecord[] }) {
  return (
    <DataList
      label="Audit records"
      from="md"
      rows={records}
      keyOf={({ seq }) => seq}
      columns={[
        { head: 'When', cell: (record) => <Time at={record.at} show="stacked" /> },
        { head: 'Action', cell: ({ action }) => <code className="font-mono text-xs">{action}</code> },
        {
          head: 'Target',
          className: 'max-w-64 break-words',
          cell: ({ target }) => target || <span className="text-ink-3">–</span>,
        },
        {
          head: 'Actor',
          cell: ({ actor, actor_kind: kind }) => (
            <>
              {actor}
              <p className="text-ink-3 text-xs">{KINDS[kind]}</p>
            </>
          ),
        },
        { head: 'Outcome', cell: (record) => <Outcome record={record} /> },
        { head: 'Index', right: true, cell: ({ index }) => index },
        { head: 'Node', right: true, cell: ({ node_id: node }) => node },
      ]}
      card={(record) => (
        <div className="space-y-1">
          <p className="flex flex-wrap items-center gap-2">
            <code className="break-all font-mono text-xs">{record.action}</code>
            <span className="ml-auto">
              <Outcome record={record} />
            </span>
          </p>
          <p className="break-words text-ink-2">
            {record.target ? `${record.target} · ` : ''}by {record.actor} ({KINDS[record.actor_kind]})
          </p>
          <Time at={record.at} show="both" className="text-ink-3 text-xs" />
        </div>
      )}
    />
  );
}
