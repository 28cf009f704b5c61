'use client';

import { backupRoutes, LOCAL_TARGET } from '@quorate/shared/backups';
import { useQuery } from '@tanstack/react-query';
import { toast } from 'sonner';
import { FormDialog } from '@/components/form-dialog';
import { SelectField, TextField } from '@/components/form-fields';
import { ProblemNotice } from '@/components/problem-notice';
import { useBodyForm } from '@/lib/body-form';
import { backupEncryptionQuery, clusterQuery } from '@/lib/queries';
import { useWrite } from '@/lib/use-write';
import { useTargetOptions } from './use-target-options';

interface Values {
  target: string;
  node_id: string;
  note: string;
}

const ENCRYPTION = {
  none: 'The file is not encrypted: whoever has it has the password hashes in it.',
  passphrase: 'The file is encrypted with the passphrase that is set.',
  recipients: 'The file is encrypted to the public keys that are set.',
} as const;

export function CreateBackupDialog({ onClose }: { onClose: () => void }) {
  const cluster = useQuery(clusterQuery);
  const encryption = useQuery(backupEncryptionQuery);
  const targets = useTargetOptions();
  const create = useWrite(backupRoutes.create, {
    refresh: ['backups'],
    onSuccess: () => {
      toast.success('The backup is being made');
      onClose();
    },
  });
  const form = useBodyForm({
    schema: backupRoutes.create.body,
    defaults: { target: LOCAL_TARGET, node_id: '', note: '' },
    toBody: ({ node_id, ...values }: Values) => ({ ...values, ...(node_id ? { node_id: Number(node_id) } : {}) }),
    error: create.error,
  });
  const nodes = cluster.data?.members.map(({ id, name }) => ({ value: String(id), label: name })) ?? [];
  return (
    <FormDialog
      title="Back up now"
      submit="Back up"
      pending={create.pending}
      onSubmit={form.handleSubmit((body) => create.run({ body }))}
      onClose={onClose}
    >
      <SelectField form={form} name="target" label="Target" options={targets} />
      <SelectField
        form={form}
        name="node_id"
        label="Node"
        hint="Makes it; with the local disk it keeps the file."
        options={[{ value: '', label: 'The one that answers' }, ...nodes]}
      />
      <TextField form={form} name="note" label="Note" optional placeholder="before the upgrade" />
      {encryption.data ? <p className="text-ink-3 text-xs">{ENCRYPTION[encryption.data.settings.mode]}</p> : null}
      <ProblemNotice error={create.error} fields={['target', 'node_id', 'note']} />
    </FormDialog>
  );
}
