'use client';

import type { ReactNode } from 'react';
import type { UseFormReturn } from 'react-hook-form';
import { Field, Input, Textarea } from '@/components/ui/field';
import type { SpecValues } from './spec-form';

type TextName = Exclude<keyof SpecValues, 'system' | 'health' | 'text'>;
// biome-ignore lint/suspicious/noExplicitAny: the body that the form makes is none of the fields' business
export type SpecFormApi = UseFormReturn<SpecValues, unknown, any>;

interface TextOptions {
  hint?: ReactNode;
  optional?: boolean;
  mono?: boolean;
  numeric?: boolean;
  /** As a text area of so many rows. */
  rows?: number;
  placeholder?: string;
}

/** One text input of the form, with its label, hint and error. */
export function TextField(props: { form: SpecFormApi; name: TextName; label: string } & TextOptions) {
  const { form, name, label, hint, optional = false, mono = false, numeric = false, rows, placeholder } = props;
  const error = form.formState.errors[name]?.message;
  return (
    <Field label={label} hint={hint} optional={optional} error={error}>
      {(control) => {
        const shared = {
          ...control,
          ...form.register(name),
          placeholder,
          autoCapitalize: 'none',
          spellCheck: false,
          className: mono || rows ? 'font-mono text-xs' : '',
        };
        return rows ? (
          <Textarea {...shared} rows={rows} />
        ) : (
          <Input {...shared} autoComplete="off" {...(numeric ? { inputMode: 'numeric' as const } : {})} />
        );
      }}
    </Field>
  );
}
