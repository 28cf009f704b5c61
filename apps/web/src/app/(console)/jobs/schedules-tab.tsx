'use client';

import type { JobSchedule } from '@quorate/shared/job-schedules';
import { useInfiniteQuery } from '@tanstack/react-query';
import { CalendarClock, Plus } from 'lucide-react';
import { parseAsBoolean, useQueryState } from 'nuqs';
import { useState } from 'react';
import { MoreButton } from '@/components/more-button';
import { EmptyState, ErrorState } from '@/components/states';
import { Panel } from '@/components/ui/panel';
import { SkeletonRows } from '@/components/ui/skeleton';
import { WriteButton } from '@/components/write-button';
import { jobSchedulesQuery } from '@/lib/queries';
import { CreateScheduleDialog, DeleteScheduleDialog, EditScheduleDialog } from './schedule-dialogs';
import { ScheduleList } from './schedule-list';

interface SchedulesTabProps {
  onOpenJob: (id: string) => void;
  /** Shows the jobs that a schedule submitted. */
  onShowJobs: (schedule: JobSchedule) => void;
}

export function SchedulesTab({ onOpenJob, onShowJobs }: SchedulesTabProps) {
  const [creating, setCreating] = useQueryState('new', parseAsBoolean.withDefault(false));
  const [editing, setEditing] = useState<JobSchedule | null>(null);
  const [deleting, setDeleting] = useState<JobSchedule | null>(null);
  const schedules = useInfiniteQuery(jobSchedulesQuery);
  const items = schedules.data?.pages.flatMap((page) => page.items) ?? [];
  const create = (
    <WriteButton needs="operator" size="sm" onClick={() => void setCreating(true)}>
      <Plus aria-hidden />
      New schedule
    </WriteButton>
  );
  return (
    <Panel title="Schedules" flush actions={create}>
      {schedules.isPending ? <SkeletonRows rows={4} /> : null}
      {schedules.isError && !schedules.data ? (
        <ErrorState error={schedules.error} onRetry={() => void schedules.refetch()} />
      ) : null}
      {schedules.isSuccess && items.length === 0 ? (
        <EmptyState
          icon={CalendarClock}
          title="No schedule yet"
          cli='quorate job schedule create nightly "0 3 * * *" -- /usr/local/bin/report'
        >
          One submits a job at each due time of a cron expression.
        </EmptyState>
      ) : null}
      {items.length > 0 ? (
        <ScheduleList
          schedules={items}
          actions={{ openJob: onOpenJob, showJobs: onShowJobs, edit: setEditing, remove: setDeleting }}
        />
      ) : null}
      <MoreButton query={schedules} />
      {creating ? <CreateScheduleDialog onClose={() => void setCreating(null)} /> : null}
      {editing ? <EditScheduleDialog schedule={editing} onClose={() => setEditing(null)} /> : null}
      {deleting ? <DeleteScheduleDialog schedule={deleting} onClose={() => setDeleting(null)} /> : null}
    </Panel>
  );
}
