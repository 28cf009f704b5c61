'use client';

import type { FieldErrors, UseFormRegister } from 'react-hook-form';
import { Field, Input, Textarea } from '@/components/ui/field';
import type { SubmitValues } from './submit-body';

interface SubmitFieldsProps {
  register: UseFormRegister<SubmitValues>;
  errors: FieldErrors<SubmitValues>;
}

const AREA = { spellCheck: false, autoCapitalize: 'none', className: 'font-mono text-xs' } as const;

/** What to run, where, and how often to try. */
export function SubmitFields({ register, errors }: SubmitFieldsProps) {
  const number = (name: keyof SubmitValues, label: string, hint: string) => (
    <Field label={label} hint={hint} error={errors[name]?.message}>
      {(control) => <Input {...control} {...register(name)} inputMode="numeric" autoComplete="off" />}
    </Field>
  );
  return (
    <>
      <Field
        label="Command"
        hint="An absolute path, or a name that the runner finds in its PATH."
        error={errors.command?.message}
      >
        {(control) => (
          <Input
            {...control}
            {...register('command')}
            autoComplete="off"
            autoCapitalize="none"
            spellCheck={false}
            className="font-mono text-xs"
            placeholder="/usr/bin/rsync"
          />
        )}
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
      <div className="grid grid-cols-2 gap-4 sm:grid-cols-4">
        {number('timeout_seconds', 'Timeout (s)', 'Then it is killed.')}
        {number('priority', 'Priority', 'Higher goes first.')}
        {number('max_attempts', 'Attempts', '1 = no retry.')}
        {number('backoff_seconds', 'Wait before retry (s)', 'Doubles each time.')}
      </div>
    </>
  );
}
