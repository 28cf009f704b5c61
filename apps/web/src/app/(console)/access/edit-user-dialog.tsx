'use client';

import { type User, userRoutes } from '@quorate/shared/users';
import { toast } from 'sonner';
import { FormDialog } from '@/components/form-dialog';
import { SelectField, TextField } from '@/components/form-fields';
import { ProblemNotice } from '@/components/problem-notice';
import { useBodyForm } from '@/lib/body-form';
import { useWrite } from '@/lib/use-write';
import { ROLE_OPTIONS } from './role-options';

interface Values {
  role: string;
  password: string;
}

/** Changes what differs: an empty password stays as it is. */
export function EditUserDialog({ user, onClose }: { user: User; onClose: () => void }) {
  const update = useWrite(userRoutes.update, {
    refresh: ['users', 'me'],
    onSuccess: () => {
      toast.success(`${user.username} was changed`);
      onClose();
    },
  });
  const form = useBodyForm({
    schema: userRoutes.update.body,
    defaults: { role: user.role, password: '' },
    toBody: (values: Values) => ({
      ...(values.role === user.role ? {} : { role: values.role }),
      ...(values.password ? { password: values.password } : {}),
    }),
    error: update.error,
  });
  const { isDirty } = form.formState;
  return (
    <FormDialog
      title={`Change ${user.username}`}
      submit="Save"
      pending={update.pending}
      disabled={!isDirty}
      onSubmit={form.handleSubmit((body) => update.run({ params: { id: user.id }, body }))}
      onClose={onClose}
    >
      <SelectField form={form} name="role" label="Role" options={ROLE_OPTIONS} />
      <TextField
        form={form}
        name="password"
        label="New password"
        optional
        hint="At least 10 characters. A new password ends the user's sessions."
        type="password"
        autoComplete="new-password"
      />
      <ProblemNotice error={update.error} fields={['role', 'password']} />
    </FormDialog>
  );
}
