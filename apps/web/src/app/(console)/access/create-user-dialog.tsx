'use client';

import { userRoutes } from '@quorate/shared/users';
import { toast } from 'sonner';
import { FormDialog } from '@/components/form-dialog';
import { ProblemNotice } from '@/components/problem-notice';
import { Field, Input } from '@/components/ui/field';
import { Select } from '@/components/ui/select';
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
  const { errors } = form.formState;
  const nameTaken = create.error?.code === 'name_taken' ? 'This name is taken.' : undefined;
  return (
    <FormDialog
      title="Add a user"
      submit="Add user"
      pending={create.pending}
      onSubmit={form.handleSubmit((body) => create.run({ body }))}
      onClose={onClose}
    >
      <Field
        label="User name"
        hint="Lower-case letters, digits, dot, dash and underscore."
        error={errors.username?.message ?? nameTaken}
      >
        {(control) => (
          <Input
            {...control}
            {...form.register('username')}
            autoComplete="off"
            autoCapitalize="none"
            spellCheck={false}
          />
        )}
      </Field>
      <Field label="Password" hint="At least 10 characters." error={errors.password?.message}>
        {(control) => <Input {...control} {...form.register('password')} type="password" autoComplete="new-password" />}
      </Field>
      <Field label="Role" error={errors.role?.message}>
        {(control) => <Select {...control} {...form.register('role')} options={ROLE_OPTIONS} />}
      </Field>
      {nameTaken ? null : <ProblemNotice error={create.error} fields={['username', 'password', 'role']} />}
    </FormDialog>
  );
}
