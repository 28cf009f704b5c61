'use client';

import { type JobSchedule, jobScheduleRoutes } from '@quorate/shared/job-schedules';
import { toast } from 'sonner';
import { ConfirmDialog } from '@/components/confirm-dialog';
import { EditDialog, FormDialog } from '@/components/form-dialog';
import { ProblemNotice } from '@/components/problem-notice';
import { SaveProblem } from '@/components/save-problem';
import { useBodyForm } from '@/lib/body-form';
import { jobScheduleQuery } from '@/lib/queries';
import { ifMatch, type Versioned } from '@/lib/settings-version';
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
    <FormDialog
      width="wide"
      title="New schedule"
      description="A job is submitted at each due time, once, whichever node leads."
      submit="Create schedule"
      pending={create.pending}
      onSubmit={form.handleSubmit((body) => create.run({ body }))}
      onClose={onClose}
    >
      <ScheduleFields form={form} />
      <ProblemNotice error={create.error} fields={SCHEDULE_FIELDS} fieldOf={submitField} />
    </FormDialog>
  );
}

/** Edits a schedule from the version that is shown when it opens. */
export function EditScheduleDialog({
  schedule: { id, name },
  onClose,
}: {
  schedule: JobSchedule;
  onClose: () => void;
}) {
  return (
    <EditDialog title={`Edit ${name}`} query={jobScheduleQuery(id)} onClose={onClose}>
      {(base, reload) => <EditForm base={base} onReload={reload} onClose={onClose} />}
    </EditDialog>
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
  const params = { id: schedule.id };
  return (
    <FormDialog
      width="wide"
      title={`Edit ${schedule.name}`}
      submit="Save schedule"
      pending={update.pending}
      disabled={!form.formState.isDirty}
      onSubmit={form.handleSubmit((body) => update.run({ params, body, ...ifMatch(etag) }))}
      onClose={onClose}
    >
      <ScheduleFields form={form} />
      <SaveProblem error={update.error} fields={SCHEDULE_FIELDS} fieldOf={submitField} onLoad={onReload} />
    </FormDialog>
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
