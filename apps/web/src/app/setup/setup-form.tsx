'use client';

import { sessionRoutes } from '@quorate/shared/session';
import { setupRoutes } from '@quorate/shared/setup';
import { useQueryClient } from '@tanstack/react-query';
import Link from 'next/link';
import { useRouter } from 'next/navigation';
import { ProblemNotice } from '@/components/problem-notice';
import { Button } from '@/components/ui/button';
import { Field, Input } from '@/components/ui/field';
import { useBodyForm } from '@/lib/body-form';
import { meQuery, setupQuery } from '@/lib/queries';
import { useWrite } from '@/lib/use-write';

interface Values {
  cluster_name: string;
  username: string;
  password: string;
  setup_code: string;
}
const FIELDS: readonly string[] = ['cluster_name', 'username', 'password', 'setup_code'];

const toBody = ({ setup_code, ...rest }: Values) => ({
  ...rest,
  username: rest.username.trim(),
  ...(setup_code.trim() ? { setup_code: setup_code.trim() } : {}),
});

export function SetupForm({ codeRequired }: { codeRequired: boolean }) {
  const router = useRouter();
  const client = useQueryClient();
  const signIn = useWrite(sessionRoutes.create, {
    onSuccess: () => {
      client.removeQueries({ queryKey: meQuery.queryKey });
      router.replace('/');
    },
    // The admin exists: only the sign-in is left to do by hand.
    onError: () => router.replace('/sign-in'),
  });
  const setup = useWrite(setupRoutes.create, {
    onSuccess: (_, { body }) => {
      signIn.run({ body: { username: body.username, password: body.password } });
      client.removeQueries({ queryKey: setupQuery.queryKey, type: 'inactive' });
    },
  });
  const form = useBodyForm({
    schema: setupRoutes.create.body,
    defaults: { cluster_name: '', username: 'admin', password: '', setup_code: '' },
    toBody,
    error: setup.error,
  });
  const { errors } = form.formState;
  return (
    <form className="space-y-4" onSubmit={form.handleSubmit((body) => setup.run({ body }))}>
      <Field label="Cluster name" hint="Shown in the console; can hold spaces." error={errors.cluster_name?.message}>
        {(control) => (
          <Input {...control} {...form.register('cluster_name')} autoComplete="off" placeholder="Berlin edge" />
        )}
      </Field>
      <Field label="User name" error={errors.username?.message}>
        {(control) => (
          <Input
            {...control}
            {...form.register('username')}
            autoComplete="username"
            autoCapitalize="none"
            spellCheck={false}
          />
        )}
      </Field>
      <Field label="Password" hint="At least 10 characters." error={errors.password?.message}>
        {(control) => <Input {...control} {...form.register('password')} type="password" autoComplete="new-password" />}
      </Field>
      {codeRequired ? (
        <Field
          label="Setup code"
          hint={
            <>
              You are not on the node itself. The code is in its log, or run{' '}
              <code className="whitespace-nowrap font-mono">quorate agent setup-code</code> there.
            </>
          }
          error={errors.setup_code?.message}
        >
          {(control) => (
            <Input {...control} {...form.register('setup_code')} autoComplete="one-time-code" className="font-mono" />
          )}
        </Field>
      ) : null}
      <ProblemNotice error={setup.error} fields={FIELDS} />
      {setup.error?.code === 'already_set_up' ? (
        <Link href="/sign-in" className="block font-medium text-accent underline underline-offset-2">
          Somebody was faster: sign in instead
        </Link>
      ) : null}
      <Button variant="primary" type="submit" className="w-full" pending={setup.pending || setup.done}>
        Create the admin
      </Button>
    </form>
  );
}
