'use client';

import type { ReactNode } from 'react';
import { SelectField, TextField } from '@/components/form-fields';
import { HealthFields } from './health-fields';
import type { SpecFormApi } from './spec-form';

const Group = ({ title, children }: { title: string; children: ReactNode }) => (
  <fieldset className="space-y-4">
    <legend className="mb-2 font-semibold text-ink">{title}</legend>
    {children}
  </fieldset>
);

/** What runs, where it listens, how its health is known, how it is rolled out. */
export function SpecFields({ form }: { form: SpecFormApi }) {
  const ports = form
    .watch('ports')
    .split(/[\s,]+/)
    .filter(Boolean);
  return (
    <>
      <Group title="Program">
        <TextField
          form={form}
          name="command"
          label="Command"
          mono
          hint="An absolute path, or a name that the runner finds in its PATH. No shell."
          placeholder="/usr/local/bin/web"
        />
        <TextField
          form={form}
          name="args"
          label="Arguments"
          optional
          rows={3}
          hint='One a line, passed as they are. One with line breaks is a JSON string, "in quotes".'
        />
        <div className="grid gap-4 sm:grid-cols-2">
          <TextField
            form={form}
            name="env"
            label="Environment"
            optional
            rows={3}
            placeholder="LOG_LEVEL=info"
            hint="One NAME=value a line."
          />
          <TextField
            form={form}
            name="labels"
            label="Runner must have labels"
            optional
            rows={3}
            placeholder="zone=a"
            hint="One key=value a line."
          />
        </div>
      </Group>
      <Group title="Ports">
        <div className="grid gap-4 sm:grid-cols-2">
          <TextField
            form={form}
            name="ports"
            label="Names"
            optional
            placeholder="http admin"
            hint="For each a free port of the runner, in PORT_HTTP and so on; PORT is the first."
          />
          <SelectField
            form={form}
            name="publish"
            label="Load balancer sends traffic to"
            hint="Healthy replicas become servers in the HAProxy configuration."
            options={portOptions(ports, 'none of them')}
          />
        </div>
      </Group>
      <Group title="Health">
        <HealthFields form={form} portOptions={portOptions(ports)} />
      </Group>
      <Group title="Rollout">
        <div className="grid gap-4 sm:grid-cols-2">
          <TextField
            form={form}
            name="max_unavailable"
            label="Away at once"
            numeric
            hint="Replicas that an update or a restart may take away at the same time."
          />
          <TextField
            form={form}
            name="stop_grace_seconds"
            label="Time to stop (s)"
            numeric
            hint="After SIGTERM; then it is killed."
          />
        </div>
      </Group>
    </>
  );
}

/** The named ports as options, after an empty one. */
export const portOptions = (ports: readonly string[], none = 'choose a port') => [
  { value: '', label: none },
  ...[...new Set(ports)].map((port) => ({ value: port, label: port })),
];
