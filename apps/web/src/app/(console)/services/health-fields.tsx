'use client';

import { SelectField, TextField } from '@/components/form-fields';
import type { Option } from '@/components/ui/select';
import type { SpecFormApi } from './spec-form';

const TYPES = [
  { value: 'none', label: 'None: healthy while it runs' },
  { value: 'tcp', label: 'TCP: a port takes connections' },
  { value: 'http', label: 'HTTP: a path answers 2xx or 3xx' },
  { value: 'exec', label: 'Program: ends with 0' },
] as const;

/** How the runner finds out whether a replica is healthy. */
export function HealthFields({ form, portOptions }: { form: SpecFormApi; portOptions: readonly Option[] }) {
  const type = form.watch('health');
  return (
    <>
      <div className="grid gap-4 sm:grid-cols-2">
        <SelectField form={form} name="health" label="Check" options={TYPES} />
        {type === 'tcp' || type === 'http' ? (
          <SelectField
            form={form}
            name="health_port"
            label="Port"
            hint="One of the names above."
            options={portOptions}
          />
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
