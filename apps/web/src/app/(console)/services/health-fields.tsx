'use client';

import { Field } from '@/components/ui/field';
import { type Option, Select } from '@/components/ui/select';
import { type SpecFormApi, TextField } from './text-field';

const TYPES = [
  { value: 'none', label: 'None: healthy while it runs' },
  { value: 'tcp', label: 'TCP: a port takes connections' },
  { value: 'http', label: 'HTTP: a path answers 2xx or 3xx' },
  { value: 'exec', label: 'Program: ends with 0' },
] as const;

/** How the runner finds out whether a replica is healthy. */
export function HealthFields({ form, portOptions }: { form: SpecFormApi; portOptions: readonly Option[] }) {
  const type = form.watch('health');
  const { errors } = form.formState;
  return (
    <>
      <div className="grid gap-4 sm:grid-cols-2">
        <Field label="Check" error={errors.health?.message}>
          {(control) => <Select {...control} {...form.register('health')} options={TYPES} />}
        </Field>
        {type === 'tcp' || type === 'http' ? (
          <Field label="Port" error={errors.health_port?.message} hint="One of the names above.">
            {(control) => <Select {...control} {...form.register('health_port')} options={portOptions} />}
          </Field>
        ) : null}
      </div>
      {type === 'http' ? <TextField form={form} name="health_path" label="Path" mono /> : null}
      {type === 'exec' ? (
        <>
          <TextField form={form} name="health_command" label="Check program" mono placeholder="/usr/local/bin/check" />
          <TextField form={form} name="health_args" label="Its arguments" optional rows={2} hint="One a line." />
        </>
      ) : null}
      {type === 'none' ? null : (
        <div className="grid grid-cols-2 gap-4 sm:grid-cols-3">
          <TextField form={form} name="health_interval_seconds" label="Every (s)" numeric />
          <TextField form={form} name="health_timeout_seconds" label="Timeout (s)" numeric />
          <TextField form={form} name="health_start_seconds" label="Time to start (s)" numeric />
          <TextField form={form} name="health_healthy_after" label="Healthy after" numeric hint="Successes in a row." />
          <TextField
            form={form}
            name="health_unhealthy_after"
            label="Unhealthy after"
            numeric
            hint="Failures in a row; then it starts anew."
          />
        </div>
      )}
    </>
  );
}
