'use client';

import { useQuery } from '@tanstack/react-query';
import type { FieldErrors, UseFormRegister } from 'react-hook-form';
import { Field, Input, Textarea } from '@/components/ui/field';
import { Select } from '@/components/ui/select';
import { clusterQuery } from '@/lib/queries';
import { useTargetOptions } from '../backups/use-target-options';
import type { SubmitValues } from './submit-body';

interface SubmitFieldsProps {
  register: UseFormRegister<SubmitValues>;
  errors: FieldErrors<SubmitValues>;
  /** What the form holds now. */
  values: SubmitValues;
}

const AREA = { spellCheck: false, autoCapitalize: 'none', className: 'font-mono text-xs' } as const;
const LINE = { ...AREA, autoComplete: 'off' } as const;

const KINDS = [
  { value: 'exec', label: 'Run a program' },
  { value: 'backup', label: 'Make a backup' },
  { value: 'service.restart', label: 'Restart services' },
] as const satisfies readonly { value: SubmitValues['kind']; label: string }[];

/** What to do, where, and how often to try. */
export function SubmitFields(props: SubmitFieldsProps) {
  const { register, errors, values } = props;
  const { kind } = values;
  return (
    <>
      <Field label="What" error={errors.kind?.message}>
        {(control) => <Select {...control} {...register('kind')} options={KINDS} />}
      </Field>
      {kind === 'exec' ? <ProgramFields {...props} /> : null}
      {kind === 'backup' ? <BackupFields {...props} /> : null}
      {kind === 'service.restart' ? (
        <Field
          label="Services"
          optional
          hint="Names, with blanks between them. Empty: all services."
          error={errors.services?.message}
        >
          {(control) => <Input {...control} {...register('services')} {...LINE} placeholder="web api" />}
        </Field>
      ) : null}
      <div className="grid grid-cols-2 gap-4 sm:grid-cols-4">
        {kind === 'exec' ? (
          <NumberField {...props} name="timeout_seconds" label="Timeout (s)" hint="Then it is killed." />
        ) : null}
        <NumberField {...props} name="priority" label="Priority" hint="Higher goes first." />
        <NumberField {...props} name="max_attempts" label="Attempts" hint="1 = no retry." />
        <NumberField {...props} name="backoff_seconds" label="Wait before retry (s)" hint="Doubles each time." />
      </div>
    </>
  );
}

function NumberField(props: SubmitFieldsProps & { name: keyof SubmitValues; label: string; hint: string }) {
  const { register, errors, name, label, hint } = props;
  return (
    <Field label={label} hint={hint} error={errors[name]?.message}>
      {(control) => <Input {...control} {...register(name)} inputMode="numeric" autoComplete="off" />}
    </Field>
  );
}

function ProgramFields({ register, errors }: SubmitFieldsProps) {
  return (
    <>
      <Field
        label="Command"
        hint="An absolute path, or a name that the runner finds in its PATH."
        error={errors.command?.message}
      >
        {(control) => <Input {...control} {...register('command')} {...LINE} placeholder="/usr/bin/rsync" />}
      </Field>
      <Field
        label="Arguments"
        optional
        hint='One a line, passed as they are. One with line breaks is a JSON string, "in quotes".'
        error={errors.args?.message}
      >
        {(control) => <Textarea {...control} {...register('args')} {...AREA} rows={3} />}
      </Field>
      <div className="grid gap-4 sm:grid-cols-2">
        <Field
          label="Environment"
          optional
          hint="One NAME=value a line. Nothing of the runner's own is passed on but PATH."
          error={errors.env?.message}
        >
          {(control) => <Textarea {...control} {...register('env')} {...AREA} rows={3} placeholder="LOG_LEVEL=info" />}
        </Field>
        <Field label="Runner must have labels" optional hint="One key=value a line." error={errors.labels?.message}>
          {(control) => <Textarea {...control} {...register('labels')} {...AREA} rows={3} placeholder="zone=a" />}
        </Field>
      </div>
      <Field label="Standard input" optional error={errors.stdin?.message}>
        {(control) => <Textarea {...control} {...register('stdin')} {...AREA} rows={2} />}
      </Field>
    </>
  );
}

/** As a backup by hand; it is made by the leader unless a node is named. */
function BackupFields({ register, errors, values }: SubmitFieldsProps) {
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
      <Field label="Target" error={errors.target?.message}>
        {(control) => <Select {...control} {...register('target')} options={targets} />}
      </Field>
      <Field label="Node" hint="Makes it; with the local disk it keeps the file." error={errors.node_id?.message}>
        {(control) => <Select {...control} {...register('node_id')} options={nodes} />}
      </Field>
      <Field label="Note" optional error={errors.note?.message}>
        {(control) => <Input {...control} {...register('note')} autoComplete="off" placeholder="before the upgrade" />}
      </Field>
    </div>
  );
}
