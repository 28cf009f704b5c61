'use client';

import type { UseFormReturn } from 'react-hook-form';
import { type FormOf, SelectField, TextField } from '@/components/form-fields';
import { Switch } from '@/components/ui/switch';
import type { ScheduleValues } from './schedule-form';
import type { SubmitValues } from './submit-body';
import { SubmitFields } from './submit-fields';

const OVERLAPS = [
  { value: 'skip', label: 'Skip the new run' },
  { value: 'allow', label: 'Run both' },
] as const;
const MISSED = [
  { value: 'run_latest', label: 'Run the last of them late' },
  { value: 'skip', label: 'Leave them out' },
] as const;

// biome-ignore lint/suspicious/noExplicitAny: the body that the form makes is none of the fields' business
type ScheduleFormApi = UseFormReturn<ScheduleValues, unknown, any>;

/** When to run, and the job to run then. */
export function ScheduleFields({ form }: { form: ScheduleFormApi }) {
  return (
    <>
      <TextField form={form} name="name" label="Name" placeholder="nightly-report" />
      <div className="grid gap-4 sm:grid-cols-2">
        <TextField
          form={form}
          name="cron"
          label="Cron expression"
          hint="Minute, hour, day of the month, month, weekday; with seconds in front if there are six."
          mono
        />
        <TextField form={form} name="time_zone" label="Time zone" hint="Such as Europe/Vienna." />
        <SelectField form={form} name="overlap" label="When the last run is not over" options={OVERLAPS} />
        <SelectField
          form={form}
          name="missed"
          label="Runs that were missed"
          hint="While no node could submit one."
          options={MISSED}
        />
      </div>
      <Switch
        checked={form.watch('enabled')}
        onCheckedChange={(on) => form.setValue('enabled', on, { shouldDirty: true })}
        label="Enabled"
      />
      {/* Its fields are among those of this form; the library's types do not see that a narrower form fits. */}
      <SubmitFields form={form as unknown as FormOf<SubmitValues>} values={form.watch()} />
    </>
  );
}
