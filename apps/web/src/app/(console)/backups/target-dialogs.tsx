'use client';

import { type BackupTarget, backupRoutes } from '@quorate/shared/backups';
import type { ApiError } from '@quorate/shared/client';
import type { FormEventHandler } from 'react';
import { toast } from 'sonner';
import { FormDialog } from '@/components/form-dialog';
import { type FormOf, TextField } from '@/components/form-fields';
import { ProblemNotice } from '@/components/problem-notice';
import { useBodyForm } from '@/lib/body-form';
import { useWrite } from '@/lib/use-write';

const FIELDS = [
  { name: 'name', label: 'Name', placeholder: 'offsite' },
  { name: 'endpoint', label: 'Endpoint', placeholder: 'https://s3.example.com', hint: 'Without the bucket.' },
  { name: 'region', label: 'Region' },
  { name: 'bucket', label: 'Bucket', hint: 'It exists already.' },
  { name: 'prefix', label: 'Prefix', hint: 'Put before each file, such as quorate/. May be empty.' },
  { name: 'access_key_id', label: 'Access key id' },
] as const;
type Values = Record<(typeof FIELDS)[number]['name'] | 'secret_access_key', string>;

const DEFAULTS: Values = {
  name: '',
  endpoint: '',
  region: 'us-east-1',
  bucket: '',
  prefix: '',
  access_key_id: '',
  secret_access_key: '',
};

export function CreateTargetDialog({ onClose }: { onClose: () => void }) {
  const create = useWrite(backupRoutes.createTarget, {
    refresh: ['backups', 'backup-targets'],
    onSuccess: ({ name }) => {
      toast.success(`${name} was added; test it next`);
      onClose();
    },
  });
  const form = useBodyForm({
    schema: backupRoutes.createTarget.body,
    defaults: DEFAULTS,
    toBody: (values: Values) => values,
    error: create.error,
  });
  return (
    <TargetDialog
      title="Add an S3-compatible target"
      action="Add target"
      secretHint="Stored encrypted, never shown again."
      form={form}
      write={create}
      onSubmit={form.handleSubmit((body) => create.run({ body }))}
      onClose={onClose}
    />
  );
}

export function EditTargetDialog({ target, onClose }: { target: BackupTarget; onClose: () => void }) {
  const update = useWrite(backupRoutes.updateTarget, {
    refresh: ['backups', 'backup-targets'],
    onSuccess: ({ name }) => {
      toast.success(`${name} was saved; test it next`);
      onClose();
    },
  });
  const { name, endpoint, region, bucket, prefix, access_key_id } = target;
  const form = useBodyForm({
    schema: backupRoutes.updateTarget.body,
    defaults: { name, endpoint, region, bucket, prefix, access_key_id, secret_access_key: '' },
    toBody: ({ secret_access_key: secret, ...values }: Values) => ({
      ...values,
      ...(secret === '' ? {} : { secret_access_key: secret }),
    }),
    error: update.error,
  });
  return (
    <TargetDialog
      title={`Change ${target.name}`}
      action="Save target"
      secretHint="Leave it empty to keep the present one."
      form={form}
      write={update}
      onSubmit={form.handleSubmit((body) => update.run({ params: { id: target.id }, body }))}
      onClose={onClose}
    />
  );
}

function TargetDialog(props: {
  title: string;
  action: string;
  secretHint: string;
  form: FormOf<Values>;
  write: { pending: boolean; error: ApiError | null };
  onSubmit: FormEventHandler;
  onClose: () => void;
}) {
  const { action, write, onClose } = props;
  return (
    <FormDialog title={props.title} submit={action} pending={write.pending} onSubmit={props.onSubmit} onClose={onClose}>
      {FIELDS.map((field) => (
        <TextField key={field.name} form={props.form} {...field} />
      ))}
      <TextField
        form={props.form}
        name="secret_access_key"
        label="Secret access key"
        hint={props.secretHint}
        type="password"
      />
      <ProblemNotice error={write.error} fields={Object.keys(DEFAULTS)} />
    </FormDialog>
  );
}
