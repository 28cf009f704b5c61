'use client';

import { sessionRoutes } from '@quorate/shared/session';
import { setupRoutes } from '@quorate/shared/setup';
import { useQueryClient } from '@tanstack/react-query';
import Link from 'next/link';
import { useRouter } from 'next/navigation';
import { TextField } from '@/components/form-fields';
import { ProblemNotice } from '@/components/problem-notice';
import { Button } from '@/components/ui/button';
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
  return (
    <form className="space-y-4" onSubmit={form.handleSubmit((body) => setup.run({ body }))}>
      <TextField
        form={form}
        name="cluster_name"
        label="Cluster name"
        hint="Shown in the console; can hold spaces."
        placeholder="Berlin edge"
      />
      <TextField form={form} name="username" label="User name" autoComplete="username" />
      <TextField
        form={form}
        name="password"
        label="Password"
        hint="At least 10 characters."
        type="password"
        autoComplete="new-password"
      />
      {codeRequired ? (
        <TextField
          form={form}
          name="setup_code"
          label="Setup code"
          hint={
            <>
              You are not on the node itself. The code is in its log, or run{' '}
              <code className="whitespace-nowrap font-mono">quorate agent setup-code</code> there.
            </>
          }
          autoComplete="one-time-code"
          className="font-mono"
        />
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
