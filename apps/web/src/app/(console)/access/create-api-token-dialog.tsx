'use client';

import { apiTokenRoutes } from '@quorate/shared/api-tokens';
import { useState } from 'react';
import { Command } from '@/components/code';
import { FormDialog } from '@/components/form-dialog';
import { SelectField, TextField } from '@/components/form-fields';
import { ProblemNotice } from '@/components/problem-notice';
import { Button } from '@/components/ui/button';
import { Dialog } from '@/components/ui/dialog';
import { Notice } from '@/components/ui/notice';
import { useBodyForm } from '@/lib/body-form';
import { useWrite } from '@/lib/use-write';
import { ROLE_OPTIONS } from './role-options';

const DAY = 86_400;
const TTLS = [
  { value: String(30 * DAY), label: '30 days' },
  { value: String(90 * DAY), label: '90 days' },
  { value: String(365 * DAY), label: '1 year' },
  { value: '', label: 'Until revoked' },
] as const;

interface Values {
  name: string;
  role: string;
  ttl_seconds: string;
}

/** Creates a token, then shows its secret once. */
export function CreateApiTokenDialog({ onClose }: { onClose: () => void }) {
  const [created, setCreated] = useState<{ name: string; token: string } | null>(null);
  const create = useWrite(apiTokenRoutes.create, { refresh: ['api-tokens'], onSuccess: setCreated });
  const form = useBodyForm({
    schema: apiTokenRoutes.create.body,
    defaults: { name: '', role: 'viewer', ttl_seconds: String(90 * DAY) },
    toBody: (values: Values) => ({
      name: values.name,
      role: values.role,
      ttl_seconds: values.ttl_seconds === '' ? null : Number(values.ttl_seconds),
    }),
    error: create.error,
  });
  if (created) {
    return (
      <Dialog
        open
        sticky
        onOpenChange={(open) => !open && onClose()}
        title={`Token ${created.name}`}
        footer={
          <Button variant="primary" onClick={onClose}>
            I have stored it
          </Button>
        }
      >
        <div className="space-y-4">
          <Notice tone="warn">This is the only time it is shown. Store it now.</Notice>
          <Command text={created.token} what="API token" />
          <p className="text-ink-2">
            Send it as <code className="font-mono text-xs">Authorization: Bearer …</code>
          </p>
        </div>
      </Dialog>
    );
  }
  const nameTaken = create.error?.code === 'name_taken' ? 'This name is taken.' : undefined;
  return (
    <FormDialog
      title="Create an API token"
      submit="Create token"
      pending={create.pending}
      onSubmit={form.handleSubmit((body) => create.run({ body }))}
      onClose={onClose}
    >
      <TextField form={form} name="name" label="Name" hint="What uses it." error={nameTaken} placeholder="monitoring" />
      <SelectField form={form} name="role" label="Role" options={ROLE_OPTIONS} />
      <SelectField form={form} name="ttl_seconds" label="Valid for" options={TTLS} />
      {nameTaken ? null : <ProblemNotice error={create.error} fields={['name', 'role', 'ttl_seconds']} />}
    </FormDialog>
  );
}
