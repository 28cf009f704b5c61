'use client';

import { useQuery } from '@tanstack/react-query';
import { type FormOf, SelectField, TextField } from '@/components/form-fields';
import { clusterQuery } from '@/lib/queries';
import { useTargetOptions } from '../backups/use-target-options';
import type { SubmitValues } from './submit-body';

interface SubmitFieldsProps {
  form: FormOf<SubmitValues>;
  /** What the form holds now. */
  values: SubmitValues;
}

const KINDS = [
  { value: 'exec', label: 'Run a program' },
  { value: 'backup', label: 'Make a backup' },
  { value: 'service.restart', label: 'Restart services' },
] as const satisfies readonly { value: SubmitValues['kind']; label: string }[];

/** What to do, where, and how often to try. */
export function SubmitFields(props: SubmitFieldsProps) {
  const { form, values } = props;
  const { kind } = values;
  return (
    <>
      <SelectField form={form} name="kind" label="What" options={KINDS} />
      {kind === 'exec' ? <ProgramFields {...props} /> : null}
      {kind === 'backup' ? <BackupFields {...props} /> : null}
      {kind === 'service.restart' ? (
        <TextField
          form={form}
          name="services"
          label="Services"
          optional
          hint="Names, with blanks between them. Empty: all services."
          mono
          placeholder="web api"
        />
      ) : null}
      <div className="grid grid-cols-2 gap-4 sm:grid-cols-4">
        {kind === 'exec' ? (
          <TextField form={form} numeric name="timeout_seconds" label="Timeout (s)" hint="Then it is killed." />
        ) : null}
        <TextField form={form} numeric name="priority" label="Priority" hint="Higher goes first." />
        <TextField form={form} numeric name="max_attempts" label="Attempts" hint="1 = no retry." />
        <TextField form={form} numeric name="backoff_seconds" label="Wait before retry (s)" hint="Doubles each time." />
      </div>
    </>
  );
}

function ProgramFields({ form }: SubmitFieldsProps) {
  return (
    <>
      <TextField
        form={form}
        name="command"
        label="Command"
        hint="An absolute path, or a name that the runner finds in its PATH."
        mono
        placeholder="/usr/bin/rsync"
      />
      <TextField
        form={form}
        name="args"
        label="Arguments"
        optional
        hint='One a line, passed as they are. One with line breaks is a JSON string, "in quotes".'
        rows={3}
      />
      <div className="grid gap-4 sm:grid-cols-2">
        <TextField
          form={form}
          name="env"
          label="Environment"
          optional
          hint="One NAME=value a line. Nothing of the runner's own is passed on but PATH."
          rows={3}
          placeholder="LOG_LEVEL=info"
        />
        <TextField
          form={form}
          name="labels"
          label="Runner must have labels"
          optional
          hint="One key=value a line."
          rows={3}
          placeholder="zone=a"
        />
      </div>
      <TextField form={form} name="stdin" label="Standard input" optional rows={2} />
    </>
  );
}

/** As a backup by hand; it is made by the leader unless a node is named. */
function BackupFields({ form, values }: SubmitFieldsProps) {
  const targets = useTargetOptions(values.target);
  const { data: cluster } = useQuery(clusterQuery);
  const nodes = [
    { value: '', label: 'The leader' },
    ...(cluster?.members ?? []).map(({ id, name }) => ({ value: String(id), label: name })),
  ];
  // What is chosen is an option before the members are known, too: a select falls back to its first one.
  if (!nodes.some(({ value }) => value === values.node_id)) {
    nodes.push({ value: values.node_id, label: `Node ${values.node_id}` });
  }
  return (
    <div className="grid gap-4 sm:grid-cols-2">
      <SelectField form={form} name="target" label="Target" options={targets} />
      <SelectField
        form={form}
        name="node_id"
        label="Node"
        hint="Makes it; with the local disk it keeps the file."
        options={nodes}
      />
      <TextField form={form} name="note" label="Note" optional placeholder="before the upgrade" />
    </div>
  );
}
