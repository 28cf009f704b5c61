'use client';

import { webhookRoutes } from '@quorate/shared/webhooks';
import { useState } from 'react';
import { FormDialog } from '@/components/form-dialog';
import { TextField } from '@/components/form-fields';
import { ProblemNotice } from '@/components/problem-notice';
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
      <TextField form={form} name="name" label="Name" error={nameTaken} placeholder="pager" />
      <TextField
        form={form}
        name="url"
        label="URL"
        hint="Gets one POST for each event, from whichever node leads."
        type="url"
        placeholder="https://…"
      />
      <TextField form={form} name="types" label="Events" optional hint={filterHint} className="font-mono" />
      {nameTaken ? null : <ProblemNotice error={create.error} fields={['name', 'url', 'types']} />}
    </FormDialog>
  );
}
