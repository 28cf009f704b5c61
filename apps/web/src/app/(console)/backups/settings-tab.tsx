'use client';

import { useQuery } from '@tanstack/react-query';
import { ErrorState } from '@/components/states';
import { Panel } from '@/components/ui/panel';
import { SkeletonRows } from '@/components/ui/skeleton';
import { backupEncryptionQuery, backupScheduleQuery } from '@/lib/queries';
import { EncryptionForm } from './encryption-form';
import { ScheduleForm } from './schedule-form';

export function SettingsTab() {
  const schedule = useQuery(backupScheduleQuery);
  const encryption = useQuery(backupEncryptionQuery);
  return (
    <div className="grid items-start gap-4 lg:grid-cols-2">
      <Panel title="Schedule and retention">
        {schedule.isPending ? <SkeletonRows rows={4} /> : null}
        {schedule.isError && !schedule.data ? <ErrorState error={schedule.error} /> : null}
        {schedule.data ? <ScheduleForm current={schedule.data} /> : null}
      </Panel>
      <Panel title="Encryption">
        {encryption.isPending ? <SkeletonRows rows={3} /> : null}
        {encryption.isError && !encryption.data ? <ErrorState error={encryption.error} /> : null}
        {encryption.data ? <EncryptionForm current={encryption.data} /> : null}
      </Panel>
    </div>
  );
}
