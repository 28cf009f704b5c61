'use client';

import type { ApiError } from '@quorate/shared/client';
import { useEffect } from 'react';
import { type DefaultValues, type FieldValues, type Path, type UseFormReturn, useForm } from 'react-hook-form';
import type { z } from 'zod';
import { type FieldOf, fieldErrorsOf, firstOf, messageOf } from './errors';

/**
 * A form whose values become the body of a route: checked with the contract's own schema before it is
 * sent, and marked with the server's field errors after. Form fields carry the names of the body's fields.
 */
export function useBodyForm<Values extends FieldValues, Schema extends z.ZodType>(options: {
  schema: Schema;
  defaults: DefaultValues<Values>;
  /** From what the inputs hold (strings) to what the schema takes. */
  toBody: (values: Values) => unknown;
  /** The last error of the write, if any. */
  error: ApiError | null;
  /** Which field shows the error of a place in the body; without it the field of that name. */
  fieldOf?: FieldOf;
  /** What keeps the inputs from becoming a body, by field. */
  refuse?: (values: Values) => Readonly<Record<string, string>>;
}) {
  const { schema, toBody, error, fieldOf = firstOf, refuse } = options;
  const form = useForm<Values, unknown, z.input<Schema> & FieldValues>({
    defaultValues: options.defaults,
    resolver: (values) => {
      const errors: Record<string, { type: string; message: string }> = {};
      for (const [field, message] of Object.entries(refuse?.(values) ?? {})) errors[field] = { type: 'text', message };
      const body = toBody(values);
      for (const issue of schema.safeParse(body).error?.issues ?? []) {
        errors[fieldOf(issue.path.map(String)) || 'root'] ??= { type: issue.code, message: messageOf(issue) };
      }
      if (Object.keys(errors).length === 0) return { values: body as z.input<Schema> & FieldValues, errors: {} };
      return { values: {}, errors: errors as never };
    },
  });
  useServerErrors(form, error, fieldOf);
  return form;
}

function useServerErrors<Values extends FieldValues, T>(
  form: UseFormReturn<Values, unknown, T>,
  error: ApiError | null,
  fieldOf: FieldOf,
) {
  const { setError, getValues } = form;
  useEffect(() => {
    if (!error) return;
    const known = Object.keys(getValues());
    for (const [field, message] of fieldErrorsOf(error, fieldOf)) {
      if (known.includes(field)) setError(field as Path<Values>, { type: 'server', message });
    }
  }, [error, fieldOf, setError, getValues]);
}
