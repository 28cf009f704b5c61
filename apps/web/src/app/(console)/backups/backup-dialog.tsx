'use client';

import { type Backup, backupRoutes } from '@quorate/shared/backups';
import { Download, ShieldCheck, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { toast } from 'sonner';
import { ConfirmDialog } from '@/components/confirm-dialog';
import { ProblemNotice } from '@/components/problem-notice';
import { Time } from '@/components/time';
import { buttonClass } from '@/components/ui/button';
import { Dialog } from '@/components/ui/dialog';
import { Notice } from '@/components/ui/notice';
import { Facts } from '@/components/ui/panel';
import { WriteButton } from '@/components/write-button';
import { useWriteBlock } from '@/lib/access';
import { asSentence, formatBytes, formatInt } from '@/lib/format';
import { useWrite } from '@/lib/use-write';
import { BackupBadge } from './backup-badge';
import { whereOf } from './where';

interface BackupDialogProps {
  backup: Backup;
  onClose: () => void;
  onRestore: () => void;
}

const ENCRYPTION = { none: 'no', passphrase: 'with a passphrase', recipients: 'to public keys' } as const;

const factsOf = (backup: Backup) => [
  { label: 'State', value: <BackupBadge backup={backup} /> },
  { label: 'Made', value: <Time at={backup.created_at} show="both" /> },
  { label: 'Holds changes up to', value: <Time at={backup.last_change_at} show="both" /> },
  {
    label: 'Position',
    value: backup.index === null ? '–' : `index ${formatInt(backup.index)} of epoch ${backup.epoch}`,
  },
  { label: 'Version', value: `${backup.version}, schema ${backup.schema_version ?? '–'}` },
  { label: 'Asked for by', value: backup.requested_by },
  { label: 'Note', value: backup.note || '–' },
  { label: 'Where', value: whereOf(backup) },
  { label: 'File', value: backup.file, mono: true },
  { label: 'Size', value: formatBytes(backup.bytes) },
  { label: 'Encrypted', value: ENCRYPTION[backup.encryption] },
  { label: 'SHA-256', value: backup.sha256 ?? '–', mono: true },
  { label: 'Verified', value: <Time at={backup.verification.at} show="both" /> },
];

export function BackupDialog({ backup, onClose, onRestore }: BackupDialogProps) {
  const [deleting, setDeleting] = useState(false);
  const mayDownload = useWriteBlock('admin')?.startsWith('Your role') !== true;
  const verify = useWrite(backupRoutes.verify, { refresh: ['backups'] });
  const remove = useWrite(backupRoutes.remove, {
    refresh: ['backups'],
    onSuccess: () => {
      toast.success('The backup is being deleted');
      onClose();
    },
  });
  const stored = backup.state === 'completed';
  if (deleting) {
    return (
      <ConfirmDialog
        open
        onClose={() => setDeleting(false)}
        title="Delete this backup"
        phrase={backup.id.slice(-8)}
        action="Delete backup"
        pending={remove.pending}
        error={remove.error}
        onConfirm={() => remove.run({ params: { id: backup.id } })}
      >
        <p className="text-ink-2">Its file on {whereOf(backup)} is deleted as well. This cannot be undone.</p>
      </ConfirmDialog>
    );
  }
  const path = backupRoutes.content.path.replace('{id}', backup.id);
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title="Backup"
      width="wide"
      footer={
        <>
          <WriteButton needs="admin" onClick={() => setDeleting(true)} className="mr-auto">
            <Trash2 aria-hidden />
            Delete
          </WriteButton>
          {stored ? (
            <>
              <WriteButton
                needs="operator"
                pending={verify.pending || backup.verification.state === 'running'}
                onClick={() => verify.run({ params: { id: backup.id }, body: {} })}
              >
                <ShieldCheck aria-hidden />
                Verify
              </WriteButton>
              {mayDownload ? (
                <a href={path} download={backup.file} className={buttonClass('secondary', 'md')}>
                  <Download aria-hidden />
                  Download
                </a>
              ) : null}
              <WriteButton needs="admin" variant="primary" onClick={onRestore}>
                Restore…
              </WriteButton>
            </>
          ) : null}
        </>
      }
    >
      <div className="space-y-4">
        {backup.error ? (
          <Notice tone="bad" title="It failed">
            {asSentence(backup.error.detail)}
          </Notice>
        ) : null}
        {backup.verification.detail ? (
          <Notice tone={backup.verification.state === 'failed' ? 'bad' : 'info'}>
            {asSentence(backup.verification.detail)}
          </Notice>
        ) : null}
        <Facts items={factsOf(backup)} />
        <ProblemNotice error={verify.error} />
      </div>
    </Dialog>
  );
}
