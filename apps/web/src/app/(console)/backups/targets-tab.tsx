'use client';

import { type BackupTarget, backupRoutes } from '@quorate/shared/backups';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Cloud, Plus } from 'lucide-react';
import { useState } from 'react';
import { toast } from 'sonner';
import { ACTIONS } from '@/components/actions-menu';
import { ConfirmDialog } from '@/components/confirm-dialog';
import { DataTable } from '@/components/data-list';
import { ListStates } from '@/components/list-states';
import { ProblemNotice } from '@/components/problem-notice';
import { EmptyState } from '@/components/states';
import { Notice } from '@/components/ui/notice';
import { Panel } from '@/components/ui/panel';
import { WriteButton } from '@/components/write-button';
import { asSentence, formatInt, formatMs } from '@/lib/format';
import { backupTargetsQuery } from '@/lib/queries';
import { useWrite } from '@/lib/use-write';
import { CreateTargetDialog, EditTargetDialog } from './target-dialogs';

export function TargetsTab() {
  const [creating, setCreating] = useState(false);
  const [editing, setEditing] = useState<BackupTarget>();
  const [removing, setRemoving] = useState<BackupTarget>();
  const targets = useInfiniteQuery(backupTargetsQuery);
  const test = useWrite(backupRoutes.testTarget);
  const [tested, setTested] = useState('');
  const items = targets.data?.pages.flatMap((page) => page.items) ?? [];
  const add = (
    <WriteButton needs="admin" size="sm" variant="primary" onClick={() => setCreating(true)}>
      <Plus aria-hidden />
      Add a target
    </WriteButton>
  );
  return (
    <div className="space-y-4">
      {test.data ? (
        <Notice
          tone={test.data.ok ? 'ok' : 'bad'}
          role="status"
          title={`${tested} ${test.data.ok ? 'works' : 'does not work'}`}
        >
          {test.data.ok
            ? `An object was written, read and deleted in ${formatMs(test.data.duration_ms)}.`
            : asSentence(test.data.error)}
        </Notice>
      ) : null}
      <ProblemNotice error={test.error} />
      <Panel title="S3-compatible targets" flush actions={add}>
        <ListStates
          query={targets}
          count={items.length}
          rows={2}
          empty={
            <EmptyState
              icon={Cloud}
              title="No targets besides the local disks"
              cli="quorate backup target add offsite --endpoint https://… --bucket backups --access-key-id …"
            >
              A backup on another machine survives what happens to these.
            </EmptyState>
          }
        >
          <DataTable
            label="Targets"
            rows={items}
            keyOf={({ id }) => id}
            columns={[
              {
                head: 'Name',
                cell: ({ name, endpoint }) => (
                  <>
                    <p className="break-all font-medium">{name}</p>
                    <p className="break-all font-mono text-2xs text-ink-3">{endpoint}</p>
                  </>
                ),
              },
              {
                head: 'Bucket',
                from: 'sm',
                className: 'break-all',
                cell: ({ bucket, prefix }) => `${bucket}/${prefix}`,
              },
              {
                head: 'Backups',
                right: true,
                from: 'sm',
                className: 'tabular-nums',
                cell: ({ backups }) => formatInt(backups),
              },
              {
                ...ACTIONS,
                className: 'w-px whitespace-nowrap',
                cell: (target) => (
                  <span className="inline-flex gap-1.5">
                    <WriteButton
                      needs="admin"
                      size="sm"
                      pending={test.pending && tested === target.name}
                      aria-label={`Test ${target.name}`}
                      onClick={() => {
                        setTested(target.name);
                        test.run({ params: { id: target.id } });
                      }}
                    >
                      Test
                    </WriteButton>
                    <WriteButton
                      needs="admin"
                      size="sm"
                      aria-label={`Change ${target.name}`}
                      onClick={() => setEditing(target)}
                    >
                      Change
                    </WriteButton>
                    <WriteButton
                      needs="admin"
                      size="sm"
                      aria-label={`Remove ${target.name}`}
                      onClick={() => setRemoving(target)}
                    >
                      Remove
                    </WriteButton>
                  </span>
                ),
              },
            ]}
          />
        </ListStates>
      </Panel>
      {creating ? <CreateTargetDialog onClose={() => setCreating(false)} /> : null}
      {editing ? <EditTargetDialog target={editing} onClose={() => setEditing(undefined)} /> : null}
      {removing ? <RemoveTargetDialog target={removing} onClose={() => setRemoving(undefined)} /> : null}
    </div>
  );
}

function RemoveTargetDialog({ target, onClose }: { target: BackupTarget; onClose: () => void }) {
  const remove = useWrite(backupRoutes.removeTarget, {
    refresh: ['backups', 'backup-targets'],
    onSuccess: () => {
      toast.success(`${target.name} was removed`);
      onClose();
    },
  });
  const some = target.backups > 0;
  return (
    <ConfirmDialog
      open
      onClose={onClose}
      title={`Remove ${target.name}`}
      phrase={target.name}
      action="Remove target"
      pending={remove.pending}
      error={remove.error}
      onConfirm={() => remove.run({ params: { id: target.id }, query: { forget: some ? 'true' : 'false' } })}
    >
      <p className="text-ink-2">
        {some
          ? `Its ${formatInt(target.backups)} backups are forgotten here; their files stay in the bucket.`
          : 'No backup is stored there.'}
      </p>
    </ConfirmDialog>
  );
}
