'use client';

import { userRoutes } from '@quorate/shared/users';
import { toast } from 'sonner';
import { TextField } from '@/components/form-fields';
import { useBodyForm } from '@/lib/body-form';
import { useWrite } from '@/lib/use-write';
import { FormDialog } from '../form-dialog';
import { ProblemNotice } from '../problem-notice';

export function OwnPasswordDialog({ onClose }: { onClose: () => void }) {
  const change = useWrite(userRoutes.changeOwnPassword, {
    onSuccess: () => {
      toast.success('Password changed', { description: 'Your other sessions were ended.' });
      onClose();
    },
  });
  const form = useBodyForm({
    schema: userRoutes.changeOwnPassword.body,
    defaults: { current_password: '', new_password: '' },
    toBody: (values: { current_password: string; new_password: string }) => values,
    error: change.error,
  });
  return (
    <FormDialog
      title="Change your password"
      description="Your other sessions end; this one stays."
      submit="Change password"
      pending={change.pending}
      onSubmit={form.handleSubmit((body) => change.run({ body }))}
      onClose={onClose}
    >
      <TextField
        form={form}
        name="current_password"
        label="Current password"
        type="password"
        autoComplete="current-password"
      />
      <TextField
        form={form}
        name="new_password"
        label="New password"
        hint="At least 10 characters."
        type="password"
        autoComplete="new-password"
      />
      <ProblemNotice error={change.error} fields={['current_password', 'new_password']} />
    </FormDialog>
  );
}
