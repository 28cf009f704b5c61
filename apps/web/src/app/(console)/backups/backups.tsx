'use client';

import type { Backup } from '@quorate/shared/backups';
import { useQuery } from '@tanstack/react-query';
import { Archive, History } from 'lucide-react';
import { parseAsStringLiteral, useQueryState } from 'nuqs';
import { useState } from 'react';
import { Page } from '@/components/page';
import { Tabs } from '@/components/ui/tabs';
import { WriteButton } from '@/components/write-button';
import { restoreQuery } from '@/lib/queries';
import { BackupList } from './backup-list';
import { CreateBackupDialog } from './create-backup-dialog';
import { RestorePanel } from './restore-progress';
import { RestoreWizard } from './restore-wizard';
import { SettingsTab } from './settings-tab';
import { TargetsTab } from './targets-tab';

const TABS = ['backups', 'schedule', 'targets'] as const;

export function Backups() {
  const [tab, setTab] = useQueryState('tab', parseAsStringLiteral(TABS).withDefault('backups'));
  const [creating, setCreating] = useState(false);
  const [restoring, setRestoring] = useState<Backup | 'upload'>();
  const restore = useQuery(restoreQuery);
  const operation = restore.data?.operation;
  return (
    <Page
      title="Backups"
      description="Whole copies of the state, made while writes go on, checked, and restored without a restart."
      actions={
        <>
          <WriteButton needs="admin" onClick={() => setRestoring('upload')}>
            <History aria-hidden />
            Restore from a file
          </WriteButton>
          <WriteButton needs="operator" variant="primary" onClick={() => setCreating(true)}>
            <Archive aria-hidden />
            Back up now
          </WriteButton>
        </>
      }
    >
      {operation?.state === 'running' && !restoring ? <RestorePanel operation={operation} /> : null}
      <Tabs
        label="Backups"
        value={tab}
        onValueChange={(value) => void setTab(value)}
        tabs={[
          { value: 'backups', label: 'Backups', content: <BackupList onRestore={setRestoring} /> },
          { value: 'schedule', label: 'Schedule and encryption', content: <SettingsTab /> },
          { value: 'targets', label: 'Targets', content: <TargetsTab /> },
        ]}
      />
      {creating ? <CreateBackupDialog onClose={() => setCreating(false)} /> : null}
      {restoring ? <RestoreWizard source={restoring} onClose={() => setRestoring(undefined)} /> : null}
    </Page>
  );
}
