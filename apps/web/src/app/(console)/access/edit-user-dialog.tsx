'use client';

import { type User, userRoutes } from '@quorate/shared/users';
import { toast } from 'sonner';
import { FormDialog } from '@/components/form-dialog';
import { ProblemNotice } from '@/components/problem-notice';
import { Field, Input } from '@/components/ui/field';
import { Select } from '@/components/ui/select';
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
  const { errors, isDirty } = form.formState;
  return (
    <FormDialog
      title={`Change ${user.username}`}
      submit="Save"
      pending={update.pending}
      disabled={!isDirty}
      onSubmit={form.handleSubmit((body) => update.run({ params: { id: user.id }, body }))}
      onClose={onClose}
    >
      <Field label="Role" error={errors.role?.message}>
        {(control) => <Select {...control} {...form.register('role')} options={ROLE_OPTIONS} />}
      </Field>
      <Field
        label="New password"
        optional
        hint="At least 10 characters. A new password ends the user's sessions."
        error={errors.password?.message}
      >
        {(control) => <Input {...control} {...form.register('password')} type="password" autoComplete="new-password" />}
      </Field>
      <ProblemNotice error={update.error} fields={['role', 'password']} />
    </FormDialog>
  );
}
