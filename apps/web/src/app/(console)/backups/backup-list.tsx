'use client';

import type { Backup } from '@quorate/shared/backups';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Archive } from 'lucide-react';
import { useState } from 'react';
import { ACTIONS } from '@/components/actions-menu';
import { DataTable } from '@/components/data-list';
import { ListStates } from '@/components/list-states';
import { EmptyState } from '@/components/states';
import { Time } from '@/components/time';
import { Button } from '@/components/ui/button';
import { Panel } from '@/components/ui/panel';
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
        <ListStates
          query={backups}
          count={items.length}
          rows={4}
          empty={
            <EmptyState icon={Archive} title="No backups yet" cli="quorate backup create">
              Make one now, or set a schedule. Replication repeats a mistake on every node; a backup undoes it.
            </EmptyState>
          }
        >
          <BackupTable items={items} onOpen={setOpenId} onRestore={onRestore} />
        </ListStates>
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
    <DataTable
      label="Backups"
      rows={items}
      keyOf={({ id }) => id}
      columns={[
        {
          head: 'Made',
          cell: ({ created_at: at, note }) => (
            <>
              <Time at={at} show="stacked" />
              {note ? <p className="max-w-56 truncate text-ink-3 text-xs">{note}</p> : null}
            </>
          ),
        },
        {
          head: 'State',
          cell: (backup) => (
            <>
              <BackupBadge backup={backup} />
              {backup.error ? (
                <p className="mt-0.5 line-clamp-2 max-w-72 text-ink-3 text-xs" title={backup.error.detail}>
                  {backup.error.detail}
                </p>
              ) : null}
            </>
          ),
        },
        { head: 'Kind', from: 'md', className: 'capitalize', cell: ({ kind }) => kind },
        {
          head: 'Index',
          right: true,
          from: 'sm',
          className: 'tabular-nums',
          cell: ({ index }) => (index === null ? '–' : formatInt(index)),
        },
        {
          head: 'Size',
          right: true,
          from: 'sm',
          className: 'whitespace-nowrap tabular-nums',
          cell: ({ bytes }) => formatBytes(bytes),
        },
        { head: 'Where', from: 'md', cell: whereOf },
        {
          ...ACTIONS,
          className: 'w-px whitespace-nowrap',
          cell: (backup) => (
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
          ),
        },
      ]}
    />
  );
}
