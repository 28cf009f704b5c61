'use client';

import { backupRoutes } from '@quorate/shared/backups';
import { toast } from 'sonner';
import { ProblemNotice } from '@/components/problem-notice';
import { Button } from '@/components/ui/button';
import { Dialog } from '@/components/ui/dialog';
import { Field, Input } from '@/components/ui/field';
import { useBodyForm } from '@/lib/body-form';
import { useWrite } from '@/lib/use-write';

const FIELDS = [
  { name: 'name', label: 'Name', placeholder: 'offsite' },
  { name: 'endpoint', label: 'Endpoint', placeholder: 'https://s3.example.com', hint: 'Without the bucket.' },
  { name: 'region', label: 'Region' },
  { name: 'bucket', label: 'Bucket', hint: 'It exists already.' },
  { name: 'prefix', label: 'Prefix', hint: 'Put before each file, such as quorate/. May be empty.' },
  { name: 'access_key_id', label: 'Access key id' },
  { name: 'secret_access_key', label: 'Secret access key', hint: 'Stored encrypted, never shown again.' },
] as const;
type Values = Record<(typeof FIELDS)[number]['name'], string>;

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
  const { errors } = form.formState;
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title="Add an S3-compatible target"
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button variant="primary" type="submit" form="create-target" pending={create.pending}>
            Add target
          </Button>
        </>
      }
    >
      <form id="create-target" className="space-y-4" onSubmit={form.handleSubmit((body) => create.run({ body }))}>
        {FIELDS.map(({ name, label, ...rest }) => (
          <Field
            key={name}
            label={label}
            error={errors[name]?.message}
            {...('hint' in rest ? { hint: rest.hint } : {})}
          >
            {(control) => (
              <Input
                {...control}
                {...form.register(name)}
                type={name === 'secret_access_key' ? 'password' : 'text'}
                autoComplete="off"
                spellCheck={false}
                placeholder={'placeholder' in rest ? rest.placeholder : undefined}
              />
            )}
          </Field>
        ))}
        <ProblemNotice error={create.error} fields={FIELDS.map(({ name }) => name)} />
      </form>
    </Dialog>
  );
}
