'use client';

import type { Backup } from '@quorate/shared/backups';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Archive } from 'lucide-react';
import { useState } from 'react';
import { MoreButton } from '@/components/more-button';
import { EmptyState, ErrorState } from '@/components/states';
import { Time } from '@/components/time';
import { Button } from '@/components/ui/button';
import { Panel } from '@/components/ui/panel';
import { SkeletonRows } from '@/components/ui/skeleton';
import { Table, Td, Th, Tr } from '@/components/ui/table';
import { WriteButton } from '@/components/write-button';
import { formatBytes, formatInt } from '@/lib/format';
import { useListPollMs } from '@/lib/live';
import { backupsQuery } from '@/lib/queries';
import { BackupBadge } from './backup-badge';
import { BackupDialog } from './backup-dialog';
import { whereOf } from './where';

const isMoving = (backup: Backup): boolean =>
  backup.verification.state === 'running' || ['queued', 'running', 'deleting'].includes(backup.state);

export function BackupList({ onRestore }: { onRestore: (backup: Backup) => void }) {
  const [openId, setOpenId] = useState<string>();
  const pollMs = useListPollMs();
  const backups = useInfiniteQuery({
    ...backupsQuery,
    // Progress moves without an event of its own.
    refetchInterval: (query) =>
      query.state.data?.pages.some((page) => page.items.some(isMoving)) ? 1000 : pollMs || 30_000,
  });
  const items = backups.data?.pages.flatMap((page) => page.items) ?? [];
  const opened = items.find((item) => item.id === openId);
  return (
    <>
      <Panel title="Backups" flush>
        {backups.isPending ? <SkeletonRows rows={4} /> : null}
        {backups.isError && !backups.data ? (
          <ErrorState error={backups.error} onRetry={() => void backups.refetch()} />
        ) : null}
        {backups.isSuccess && items.length === 0 ? (
          <EmptyState icon={Archive} title="No backups yet" cli="quorate backup create">
            Make one now, or set a schedule. Replication repeats a mistake on every node; a backup undoes it.
          </EmptyState>
        ) : null}
        {items.length > 0 ? <BackupTable items={items} onOpen={setOpenId} onRestore={onRestore} /> : null}
        <MoreButton query={backups} />
      </Panel>
      {opened ? (
        <BackupDialog
          backup={opened}
          onClose={() => setOpenId(undefined)}
          onRestore={() => {
            setOpenId(undefined);
            onRestore(opened);
          }}
        />
      ) : null}
    </>
  );
}

interface TableProps {
  items: readonly Backup[];
  onOpen: (id: string) => void;
  onRestore: (backup: Backup) => void;
}

function BackupTable({ items, onOpen, onRestore }: TableProps) {
  return (
    <Table label="Backups">
      <thead>
        <tr>
          <Th>Made</Th>
          <Th>State</Th>
          <Th className="max-md:hidden">Kind</Th>
          <Th className="text-right max-sm:hidden">Index</Th>
          <Th className="text-right max-sm:hidden">Size</Th>
          <Th className="max-md:hidden">Where</Th>
          <Th>
            <span className="sr-only">Actions</span>
          </Th>
        </tr>
      </thead>
      <tbody>
        {items.map((backup) => (
          <Tr key={backup.id}>
            <Td>
              <Time at={backup.created_at} show="stacked" />
              {backup.note ? <p className="max-w-56 truncate text-ink-3 text-xs">{backup.note}</p> : null}
            </Td>
            <Td>
              <BackupBadge backup={backup} />
              {backup.error ? (
                <p className="mt-0.5 line-clamp-2 max-w-72 text-ink-3 text-xs" title={backup.error.detail}>
                  {backup.error.detail}
                </p>
              ) : null}
            </Td>
            <Td className="capitalize max-md:hidden">{backup.kind}</Td>
            <Td className="text-right tabular-nums max-sm:hidden">
              {backup.index === null ? '–' : formatInt(backup.index)}
            </Td>
            <Td className="whitespace-nowrap text-right tabular-nums max-sm:hidden">{formatBytes(backup.bytes)}</Td>
            <Td className="max-md:hidden">{whereOf(backup)}</Td>
            <Td className="w-px whitespace-nowrap text-right">
              <span className="inline-flex gap-1.5">
                {backup.state === 'completed' ? (
                  <WriteButton
                    needs="admin"
                    size="sm"
                    className="max-sm:hidden"
                    aria-label={`Restore ${backup.file}`}
                    onClick={() => onRestore(backup)}
                  >
                    Restore
                  </WriteButton>
                ) : null}
                <Button size="sm" onClick={() => onOpen(backup.id)} aria-label={`Open ${backup.file}`}>
                  Open
                </Button>
              </span>
            </Td>
          </Tr>
        ))}
      </tbody>
    </Table>
  );
}
