'use client';

import { type JobSchedule, jobScheduleRoutes } from '@quorate/shared/job-schedules';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { toast } from 'sonner';
import { ConfirmDialog } from '@/components/confirm-dialog';
import { ProblemNotice } from '@/components/problem-notice';
import { SaveProblem } from '@/components/save-problem';
import { ErrorState } from '@/components/states';
import { Button } from '@/components/ui/button';
import { Dialog } from '@/components/ui/dialog';
import { SkeletonRows } from '@/components/ui/skeleton';
import { useBodyForm } from '@/lib/body-form';
import { jobScheduleQuery } from '@/lib/queries';
import type { Versioned } from '@/lib/settings-version';
import { useWrite } from '@/lib/use-write';
import { ScheduleFields } from './schedule-fields';
import {
  SCHEDULE_DEFAULTS,
  SCHEDULE_FIELDS,
  type ScheduleValues,
  scheduleBody,
  valuesOfSchedule,
} from './schedule-form';
import { refuseText, submitField } from './submit-body';

const REFRESH = ['job-schedules', 'jobs'] as const;

export function CreateScheduleDialog({ onClose }: { onClose: () => void }) {
  const create = useWrite(jobScheduleRoutes.create, {
    refresh: REFRESH,
    onSuccess: ({ name }) => {
      toast.success(`${name} is scheduled`);
      onClose();
    },
  });
  const form = useBodyForm({
    schema: jobScheduleRoutes.create.body,
    defaults: SCHEDULE_DEFAULTS,
    toBody: (values: ScheduleValues) => scheduleBody(values),
    error: create.error,
    fieldOf: submitField,
    refuse: refuseText,
  });
  return (
    <Dialog
      open
      width="wide"
      onOpenChange={(open) => !open && onClose()}
      title="New schedule"
      description="A job is submitted at each due time, once, whichever node leads."
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button variant="primary" type="submit" form="schedule-form" pending={create.pending}>
            Create schedule
          </Button>
        </>
      }
    >
      <form id="schedule-form" className="space-y-4" onSubmit={form.handleSubmit((body) => create.run({ body }))}>
        <ScheduleFields form={form} />
        <ProblemNotice error={create.error} fields={SCHEDULE_FIELDS} fieldOf={submitField} />
      </form>
    </Dialog>
  );
}

/** Edits a schedule from the version that is shown when it opens. */
export function EditScheduleDialog({ schedule, onClose }: { schedule: JobSchedule; onClose: () => void }) {
  const query = jobScheduleQuery(schedule.id);
  const { data, error, refetch } = useQuery(query);
  const [base, setBase] = useState<Versioned<JobSchedule>>();
  const client = useQueryClient();
  if (!base && data) setBase(data);
  if (base) {
    const reload = async () => setBase(await client.fetchQuery({ ...query, staleTime: 0 }));
    return <EditForm key={base.etag} base={base} onReload={() => void reload()} onClose={onClose} />;
  }
  return (
    <Dialog open width="wide" onOpenChange={(open) => !open && onClose()} title={`Edit ${schedule.name}`}>
      {error ? <ErrorState error={error} onRetry={() => void refetch()} /> : <SkeletonRows rows={5} />}
    </Dialog>
  );
}

interface EditFormProps {
  base: Versioned<JobSchedule>;
  onReload: () => void;
  onClose: () => void;
}

function EditForm({ base: { settings: schedule, etag }, onReload, onClose }: EditFormProps) {
  const update = useWrite(jobScheduleRoutes.update, {
    refresh: REFRESH,
    onSuccess: ({ name }) => {
      toast.success(`${name} saved`);
      onClose();
    },
  });
  const form = useBodyForm({
    schema: jobScheduleRoutes.update.body,
    defaults: valuesOfSchedule(schedule),
    toBody: (values: ScheduleValues) => scheduleBody(values),
    error: update.error,
    fieldOf: submitField,
    refuse: refuseText,
  });
  const headers = etag === null ? {} : { headers: { 'If-Match': etag } };
  const submit = form.handleSubmit((body) => update.run({ params: { id: schedule.id }, body, ...headers }));
  return (
    <Dialog
      open
      width="wide"
      onOpenChange={(open) => !open && onClose()}
      title={`Edit ${schedule.name}`}
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            variant="primary"
            type="submit"
            form="schedule-form"
            pending={update.pending}
            disabled={!form.formState.isDirty}
          >
            Save schedule
          </Button>
        </>
      }
    >
      <form id="schedule-form" className="space-y-4" onSubmit={submit}>
        <ScheduleFields form={form} />
        {update.error?.code === 'precondition_failed' ? (
          <SaveProblem error={update.error} fields={[]} onLoad={onReload} />
        ) : (
          <ProblemNotice error={update.error} fields={SCHEDULE_FIELDS} fieldOf={submitField} />
        )}
      </form>
    </Dialog>
  );
}

export function DeleteScheduleDialog({ schedule, onClose }: { schedule: JobSchedule; onClose: () => void }) {
  const remove = useWrite(jobScheduleRoutes.remove, {
    refresh: REFRESH,
    onSuccess: () => {
      toast.success(`${schedule.name} was deleted`);
      onClose();
    },
  });
  return (
    <ConfirmDialog
      open
      onClose={onClose}
      title={`Delete ${schedule.name}`}
      phrase={schedule.name}
      action="Delete schedule"
      pending={remove.pending}
      error={remove.error}
      onConfirm={() => remove.run({ params: { id: schedule.id } })}
    >
      <p className="text-ink-2">It submits nothing more. The jobs that it submitted stay.</p>
    </ConfirmDialog>
  );
}
