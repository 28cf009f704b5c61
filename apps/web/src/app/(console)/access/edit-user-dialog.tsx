'use client';

import { type User, userRoutes } from '@quorate/shared/users';
import { toast } from 'sonner';
import { ProblemNotice } from '@/components/problem-notice';
import { Button } from '@/components/ui/button';
import { Dialog } from '@/components/ui/dialog';
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
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={`Change ${user.username}`}
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button variant="primary" type="submit" form="edit-user" pending={update.pending} disabled={!isDirty}>
            Save
          </Button>
        </>
      }
    >
      <form
        id="edit-user"
        className="space-y-4"
        onSubmit={form.handleSubmit((body) => update.run({ params: { id: user.id }, body }))}
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
          {(control) => (
            <Input {...control} {...form.register('password')} type="password" autoComplete="new-password" />
          )}
        </Field>
        <ProblemNotice error={update.error} fields={['role', 'password']} />
      </form>
    </Dialog>
  );
}
