'use client';

import { userRoutes } from '@quorate/shared/users';
import { toast } from 'sonner';
import { FormDialog } from '@/components/form-dialog';
import { SelectField, TextField } from '@/components/form-fields';
import { ProblemNotice } from '@/components/problem-notice';
import { useBodyForm } from '@/lib/body-form';
import { useWrite } from '@/lib/use-write';
import { ROLE_OPTIONS } from './role-options';

interface Values {
  username: string;
  password: string;
  role: string;
}

export function CreateUserDialog({ onClose }: { onClose: () => void }) {
  const create = useWrite(userRoutes.create, {
    refresh: ['users'],
    onSuccess: (user) => {
      toast.success(`${user.username} was added`);
      onClose();
    },
  });
  const form = useBodyForm({
    schema: userRoutes.create.body,
    defaults: { username: '', password: '', role: 'viewer' },
    toBody: (values: Values) => ({ ...values, username: values.username.trim() }),
    error: create.error,
  });
  const nameTaken = create.error?.code === 'name_taken' ? 'This name is taken.' : undefined;
  return (
    <FormDialog
      title="Add a user"
      submit="Add user"
      pending={create.pending}
      onSubmit={form.handleSubmit((body) => create.run({ body }))}
      onClose={onClose}
    >
      <TextField
        form={form}
        name="username"
        label="User name"
        hint="Lower-case letters, digits, dot, dash and underscore."
        error={nameTaken}
      />
      <TextField
        form={form}
        name="password"
        label="Password"
        hint="At least 10 characters."
        type="password"
        autoComplete="new-password"
      />
      <SelectField form={form} name="role" label="Role" options={ROLE_OPTIONS} />
      {nameTaken ? null : <ProblemNotice error={create.error} fields={['username', 'password', 'role']} />}
    </FormDialog>
  );
}
