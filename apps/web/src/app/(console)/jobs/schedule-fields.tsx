'use client';

import type { UseFormRegister, UseFormReturn } from 'react-hook-form';
import { Field, Input } from '@/components/ui/field';
import { Select } from '@/components/ui/select';
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
  const { errors } = form.formState;
  return (
    <>
      <Field label="Name" error={errors.name?.message}>
        {(control) => <Input {...control} {...form.register('name')} autoComplete="off" placeholder="nightly-report" />}
      </Field>
      <div className="grid gap-4 sm:grid-cols-2">
        <Field
          label="Cron expression"
          hint="Minute, hour, day of the month, month, weekday; with seconds in front if there are six."
          error={errors.cron?.message}
        >
          {(control) => (
            <Input
              {...control}
              {...form.register('cron')}
              autoComplete="off"
              spellCheck={false}
              className="font-mono text-xs"
            />
          )}
        </Field>
        <Field label="Time zone" hint="Such as Europe/Vienna." error={errors.time_zone?.message}>
          {(control) => <Input {...control} {...form.register('time_zone')} autoComplete="off" spellCheck={false} />}
        </Field>
        <Field label="When the last run is not over" error={errors.overlap?.message}>
          {(control) => <Select {...control} {...form.register('overlap')} options={OVERLAPS} />}
        </Field>
        <Field label="Runs that were missed" hint="While no node could submit one." error={errors.missed?.message}>
          {(control) => <Select {...control} {...form.register('missed')} options={MISSED} />}
        </Field>
      </div>
      <Switch
        checked={form.watch('enabled')}
        onCheckedChange={(on) => form.setValue('enabled', on, { shouldDirty: true })}
        label="Enabled"
      />
      {/* Its fields are among those of this form; the library's types do not see that a narrower form fits. */}
      <SubmitFields
        register={form.register as unknown as UseFormRegister<SubmitValues>}
        errors={errors}
        values={form.watch()}
      />
    </>
  );
}
