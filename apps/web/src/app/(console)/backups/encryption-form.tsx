'use client';

import { type BackupEncryption, backupRoutes } from '@quorate/shared/backups';
import { useWatch } from 'react-hook-form';
import { toast } from 'sonner';
import { SelectField, TextField } from '@/components/form-fields';
import { SaveProblem } from '@/components/save-problem';
import { Notice } from '@/components/ui/notice';
import { WriteButton } from '@/components/write-button';
import { useBodyForm } from '@/lib/body-form';
import { backupEncryptionQuery } from '@/lib/queries';
import { useSettingsVersion, type Versioned } from '@/lib/settings-version';
import { useWrite } from '@/lib/use-write';

const MODES = [
  { value: 'none', label: 'Not encrypted' },
  { value: 'passphrase', label: 'With a passphrase' },
  { value: 'recipients', label: 'To age public keys' },
] as const;

interface Values {
  mode: string;
  passphrase: string;
  recipients: string;
}

const listOf = (text: string): string[] => text.split(/[\s,]+/).filter(Boolean);

const valuesOf = ({ mode, recipients }: BackupEncryption): Values => ({
  mode,
  passphrase: '',
  recipients: recipients.join('\n'),
});

export function EncryptionForm({ current }: { current: Versioned<BackupEncryption> }) {
  const { settings: encryption } = current;
  const save = useWrite(backupRoutes.setEncryption, {
    refresh: ['backups'],
    onSuccess: () => {
      toast.success('New backups follow this from now on');
      version.loadCurrent();
    },
  });
  const form = useBodyForm({
    schema: backupRoutes.setEncryption.body,
    defaults: valuesOf(encryption),
    toBody: ({ mode, passphrase, recipients }: Values) => ({
      mode,
      ...(mode === 'passphrase' && passphrase !== '' ? { passphrase } : {}),
      ...(mode === 'recipients' ? { recipients: listOf(recipients) } : {}),
    }),
    error: save.error,
  });
  const version = useSettingsVersion({ form, save, query: backupEncryptionQuery, current, valuesOf });
  const mode = useWatch({ control: form.control, name: 'mode' });
  const kept = encryption.passphrase_set ? 'Leave it empty to keep the present one.' : 'At least 12 characters.';
  return (
    <form className="space-y-4" onSubmit={form.handleSubmit((body) => save.run({ body, ...version.headers() }))}>
      <SelectField form={form} name="mode" label="New backups" options={MODES} />
      {mode === 'passphrase' ? (
        <TextField
          form={form}
          name="passphrase"
          label="Passphrase"
          hint={kept}
          type="password"
          autoComplete="new-password"
        />
      ) : null}
      {mode === 'recipients' ? (
        <TextField
          form={form}
          name="recipients"
          label="Public keys"
          hint="One a line, as age-keygen prints them."
          rows={4}
          placeholder="age1…"
        />
      ) : null}
      {mode === 'none' ? null : (
        <Notice tone="warn">
          Keep the {mode === 'passphrase' ? 'passphrase' : 'identities'} elsewhere too: who restores is asked for it,
          and nobody can open these backups without it.
        </Notice>
      )}
      <SaveProblem error={save.error} fields={['mode', 'passphrase', 'recipients']} onLoad={version.loadCurrent} />
      <WriteButton needs="admin" variant="primary" type="submit" pending={save.pending}>
        Save encryption
      </WriteButton>
    </form>
  );
}
