'use client';

import { userRoutes } from '@quorate/shared/users';
import { toast } from 'sonner';
import { useBodyForm } from '@/lib/body-form';
import { useWrite } from '@/lib/use-write';
import { FormDialog } from '../form-dialog';
import { ProblemNotice } from '../problem-notice';
import { Field, Input } from '../ui/field';

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
  const { errors } = form.formState;
  return (
    <FormDialog
      title="Change your password"
      description="Your other sessions end; this one stays."
      submit="Change password"
      pending={change.pending}
      onSubmit={form.handleSubmit((body) => change.run({ body }))}
      onClose={onClose}
    >
      <Field label="Current password" error={errors.current_password?.message}>
        {(control) => (
          <Input {...control} {...form.register('current_password')} type="password" autoComplete="current-password" />
        )}
      </Field>
      <Field label="New password" hint="At least 10 characters." error={errors.new_password?.message}>
        {(control) => (
          <Input {...control} {...form.register('new_password')} type="password" autoComplete="new-password" />
        )}
      </Field>
      <ProblemNotice error={change.error} fields={['current_password', 'new_password']} />
    </FormDialog>
  );
}
