'use client';

import type { JobSchedule } from '@quorate/shared/job-schedules';
import { useInfiniteQuery } from '@tanstack/react-query';
import { CalendarClock, Plus } from 'lucide-react';
import { parseAsBoolean, useQueryState } from 'nuqs';
import { useState } from 'react';
import { ListStates } from '@/components/list-states';
import { EmptyState } from '@/components/states';
import { Panel } from '@/components/ui/panel';
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
      <ListStates
        query={schedules}
        count={items.length}
        rows={4}
        empty={
          <EmptyState
            icon={CalendarClock}
            title="No schedule yet"
            cli='quorate job schedule create nightly "0 3 * * *" -- /usr/local/bin/report'
          >
            One submits a job at each due time of a cron expression.
          </EmptyState>
        }
      >
        <ScheduleList
          schedules={items}
          actions={{ openJob: onOpenJob, showJobs: onShowJobs, edit: setEditing, remove: setDeleting }}
        />
      </ListStates>
      {creating ? <CreateScheduleDialog onClose={() => void setCreating(null)} /> : null}
      {editing ? <EditScheduleDialog schedule={editing} onClose={() => setEditing(null)} /> : null}
      {deleting ? <DeleteScheduleDialog schedule={deleting} onClose={() => setDeleting(null)} /> : null}
    </Panel>
  );
}
