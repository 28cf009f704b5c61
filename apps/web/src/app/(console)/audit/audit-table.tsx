'use client';

import type { AuditRecord } from '@quorate/shared/audit';
import { CircleCheck, CircleX } from 'lucide-react';
import { Time } from '@/components/time';
import { Badge } from '@/components/ui/badge';
import { Table, Td, Th, Tr } from '@/components/ui/table';

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

/** Audit records, newest first: a table from tablet width up, cards below. */
export function AuditTable({ records }: { records: readonly AuditRecord[] }) {
  return (
    <>
      <div className="hidden md:block">
        <Table label="Audit records">
          <thead>
            <tr>
              <Th>When</Th>
              <Th>Action</Th>
              <Th>Target</Th>
              <Th>Actor</Th>
              <Th>Outcome</Th>
              <Th className="text-right">Index</Th>
              <Th className="text-right">Node</Th>
            </tr>
          </thead>
          <tbody>
            {records.map((record) => (
              <Tr key={record.seq}>
                <Td>
                  <Time at={record.at} show="stacked" />
                </Td>
                <Td>
                  <code className="font-mono text-xs">{record.action}</code>
                </Td>
                <Td className="max-w-64 break-words">{record.target || <span className="text-ink-3">–</span>}</Td>
                <Td>
                  {record.actor}
                  <p className="text-ink-3 text-xs">{KINDS[record.actor_kind]}</p>
                </Td>
                <Td>
                  <Outcome record={record} />
                </Td>
                <Td className="text-right">{record.index}</Td>
                <Td className="text-right">{record.node_id}</Td>
              </Tr>
            ))}
          </tbody>
        </Table>
      </div>
      <ul className="divide-y md:hidden">
        {records.map((record) => (
          <li key={record.seq} className="space-y-1 px-3.5 py-2.5">
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
          </li>
        ))}
      </ul>
    </>
  );
}
