'use client';

import { webhookRoutes } from '@quorate/shared/webhooks';
import { useState } from 'react';
import { FormDialog } from '@/components/form-dialog';
import { ProblemNotice } from '@/components/problem-notice';
import { Field, Input } from '@/components/ui/field';
import { useBodyForm } from '@/lib/body-form';
import { useWrite } from '@/lib/use-write';
import { WebhookSecret } from './webhook-secret';

interface Values {
  name: string;
  url: string;
  types: string;
}

const listOf = (text: string): string[] => text.split(/[\s,]+/).filter(Boolean);

/** Creates a webhook, then shows its secret once. */
export function CreateWebhookDialog({ onClose }: { onClose: () => void }) {
  const [secret, setSecret] = useState<{ name: string; secret: string } | null>(null);
  const create = useWrite(webhookRoutes.create, { refresh: ['webhooks'], onSuccess: setSecret });
  const form = useBodyForm({
    schema: webhookRoutes.create.body,
    defaults: { name: '', url: '', types: 'cluster' },
    toBody: ({ name, url, types }: Values) => ({ name, url, types: listOf(types) }),
    error: create.error,
  });
  const { errors } = form.formState;
  if (secret) return <WebhookSecret name={secret.name} secret={secret.secret} onClose={onClose} />;
  const nameTaken = create.error?.code === 'name_taken' ? 'This name is taken.' : undefined;
  const filterHint = 'Types, topics or namespaces, such as cluster, member.*, session.failed. Empty: every event.';
  return (
    <FormDialog
      title="Add a webhook"
      submit="Add webhook"
      pending={create.pending}
      onSubmit={form.handleSubmit((body) => create.run({ body }))}
      onClose={onClose}
    >
      <Field label="Name" error={errors.name?.message ?? nameTaken}>
        {(control) => <Input {...control} {...form.register('name')} autoComplete="off" placeholder="pager" />}
      </Field>
      <Field label="URL" hint="Gets one POST for each event, from whichever node leads." error={errors.url?.message}>
        {(control) => (
          <Input {...control} {...form.register('url')} type="url" autoComplete="off" placeholder="https://…" />
        )}
      </Field>
      <Field label="Events" optional hint={filterHint} error={errors.types?.message}>
        {(control) => (
          <Input {...control} {...form.register('types')} autoComplete="off" spellCheck={false} className="font-mono" />
        )}
      </Field>
      {nameTaken ? null : <ProblemNotice error={create.error} fields={['name', 'url', 'types']} />}
    </FormDialog>
  );
}
