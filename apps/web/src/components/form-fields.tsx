import type { ComponentProps, ReactNode } from 'react';
import { type FieldErrors, type FieldValues, get, type Path, type UseFormRegister } from 'react-hook-form';
import { cn } from '@/lib/cn';
import { Field, Input, Textarea } from './ui/field';
import { type Option, Select } from './ui/select';

/** What a field needs of its form. */
export interface FormOf<Values extends FieldValues> {
  register: UseFormRegister<Values>;
  formState: { errors: FieldErrors<Values> };
}

interface CommonProps<Values extends FieldValues> {
  form: FormOf<Values>;
  /** The field of the form. */
  name: Path<Values>;
  label: string;
  hint?: ReactNode;
  optional?: boolean;
  /** Shown where the form itself finds nothing wrong. */
  error?: string | undefined;
  /** Of the whole, label and hint included. */
  fieldClass?: string;
}

function FormField<Values extends FieldValues>({
  form,
  name,
  label,
  hint,
  optional = false,
  error,
  fieldClass = '',
  children,
}: CommonProps<Values> & { children: ComponentProps<typeof Field>['children'] }) {
  const own = (get(form.formState.errors, name) as { message?: string } | undefined)?.message;
  return (
    <Field label={label} hint={hint} optional={optional} error={own ?? error} className={fieldClass}>
      {children}
    </Field>
  );
}

type InputProps = 'type' | 'inputMode' | 'placeholder' | 'autoComplete' | 'required' | 'className';
type AreaProps = 'wrap';

interface TextFieldProps<Values extends FieldValues>
  extends CommonProps<Values>,
    Pick<ComponentProps<'input'>, InputProps>,
    Pick<ComponentProps<'textarea'>, AreaProps> {
  mono?: boolean;
  numeric?: boolean;
  /** As a text area of so many rows. */
  rows?: number;
}

/** A text input of a form, with its label, hint and error. */
export function TextField<Values extends FieldValues>(props: TextFieldProps<Values>) {
  const {
    mono = false,
    numeric = false,
    rows,
    wrap,
    type,
    inputMode,
    placeholder,
    required,
    className,
    ...field
  } = props;
  return (
    <FormField {...field}>
      {(control) => {
        const shared = {
          ...control,
          ...field.form.register(field.name),
          placeholder,
          required,
          autoComplete: field.autoComplete ?? 'off',
          autoCapitalize: 'none',
          spellCheck: false,
          className: cn((mono || rows) && 'font-mono text-xs', className),
        };
        return rows ? (
          <Textarea {...shared} rows={rows} wrap={wrap} />
        ) : (
          <Input {...shared} type={type} inputMode={numeric ? 'numeric' : inputMode} />
        );
      }}
    </FormField>
  );
}

interface SelectFieldProps<Values extends FieldValues> extends CommonProps<Values> {
  options: readonly Option[];
}

/** A choice of a form, with its label, hint and error. */
export function SelectField<Values extends FieldValues>({ options, ...field }: SelectFieldProps<Values>) {
  return (
    <FormField {...field}>
      {(control) => <Select {...control} {...field.form.register(field.name)} options={options} />}
    </FormField>
  );
}
