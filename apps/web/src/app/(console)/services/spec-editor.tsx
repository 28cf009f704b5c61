'use client';

import type { ApiError } from '@quorate/shared/client';
import { serviceSpecSchema } from '@quorate/shared/services';
import { Braces, TextCursorInput } from 'lucide-react';
import { useState } from 'react';
import { TextField } from '@/components/form-fields';
import { Button } from '@/components/ui/button';
import { Switch } from '@/components/ui/switch';
import { SpecFields } from './spec-fields';
import { type SpecFormApi, specOf, valuesOfSpec } from './spec-form';
import { problemsOf, specOfText, textOfSpec } from './spec-text';
import { SpecTextField } from './spec-text-field';

interface SpecEditorProps {
  form: SpecFormApi;
  creating?: boolean;
  /** Of the last try to save. */
  error: ApiError | null;
}

/** A service as a form, or with its specification as text; what was typed goes along from one to the other. */
export function SpecEditor({ form, creating = false, error }: SpecEditorProps) {
  const text = form.watch('text');
  const [asked, setAsked] = useState(false);
  const shown = asked || form.formState.isSubmitted;
  const problems = text !== null && shown ? problemsOf(text, error?.problem.errors ?? []) : [];
  const setText = (to: string | null) => form.setValue('text', to, { shouldDirty: true });
  const showText = () => {
    form.clearErrors();
    setAsked(false);
    setText(textOfSpec(specOf(form.getValues())));
  };
  const showFields = (from: string) => {
    setAsked(true);
    const spec = serviceSpecSchema.safeParse(specOfText(from)).data;
    // What the fields cannot show would be lost.
    if (!spec || problemsOf(from, []).length > 0) return;
    form.clearErrors();
    form.reset({ ...form.getValues(), ...valuesOfSpec(spec), text: null }, { keepDefaultValues: true });
  };
  return (
    <div className="space-y-6">
      {creating ? (
        <div className="grid gap-4 sm:grid-cols-[minmax(0,1fr)_8rem]">
          <TextField
            form={form}
            name="name"
            label="Name"
            placeholder="web"
            hint="Lower-case letters, digits, dashes."
          />
          <TextField form={form} name="replicas" label="Replicas" numeric />
        </div>
      ) : null}
      <div className="relative space-y-6">
        {text === null ? (
          <SpecFields form={form} />
        ) : (
          <SpecTextField text={text} onChange={setText} problems={problems} />
        )}
        {/* Last in the order, so that opening puts the focus on what is edited. */}
        <Button
          size="sm"
          variant="ghost"
          className="absolute -top-1.5 right-0 text-accent"
          onClick={() => (text === null ? showText() : showFields(text))}
        >
          {text === null ? <Braces aria-hidden /> : <TextCursorInput aria-hidden />}
          {text === null ? 'Edit as JSON' : 'Edit as a form'}
        </Button>
      </div>
      <Switch
        checked={form.watch('system')}
        onCheckedChange={(on) => form.setValue('system', on, { shouldDirty: true })}
        label="System service"
        hint="While HA mode is on, HA mode says how many replicas it has, each on a node of its own."
      />
    </div>
  );
}
