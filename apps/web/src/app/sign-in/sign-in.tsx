'use client';

import { sessionRoutes } from '@quorate/shared/session';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useRouter, useSearchParams } from 'next/navigation';
import { useEffect } from 'react';
import { TextField } from '@/components/form-fields';
import { Gate } from '@/components/gate';
import { ProblemNotice } from '@/components/problem-notice';
import { ErrorState } from '@/components/states';
import { Button } from '@/components/ui/button';
import { Skeleton } from '@/components/ui/skeleton';
import { useBodyForm } from '@/lib/body-form';
import { meQuery, setupQuery } from '@/lib/queries';
import { safeReturnPath } from '@/lib/sign-in-path';
import { useWrite } from '@/lib/use-write';

export function SignIn() {
  const router = useRouter();
  const setup = useQuery(setupQuery);
  const needed = setup.data?.needed === true;
  useEffect(() => {
    if (needed) router.replace('/setup');
  }, [needed, router]);

  if (setup.isError) {
    return (
      <Gate title="Sign in">
        <ErrorState error={setup.error} onRetry={() => void setup.refetch()} />
      </Gate>
    );
  }
  if (!setup.data || needed) {
    return (
      <Gate title="Sign in">
        <div className="space-y-4" role="status" aria-label="Loading">
          <Skeleton className="h-8" />
          <Skeleton className="h-8" />
          <Skeleton className="h-8" />
        </div>
      </Gate>
    );
  }
  const { node, version, cluster_name: name } = setup.data;
  return (
    <Gate
      title="Sign in"
      description={name ? `to ${name}` : undefined}
      footer={
        <p>
          {node.name} (node {node.id}) · version {version}. Locked out? On a node's host, run{' '}
          <code className="whitespace-nowrap font-mono text-ink-2">quorate agent admin reset</code>.
        </p>
      }
    >
      <SignInForm />
    </Gate>
  );
}

function SignInForm() {
  const router = useRouter();
  const client = useQueryClient();
  const next = safeReturnPath(useSearchParams().get('next'));
  const signIn = useWrite(sessionRoutes.create, {
    onSuccess: () => {
      client.removeQueries({ queryKey: meQuery.queryKey });
      router.replace(next);
    },
  });
  const form = useBodyForm({
    schema: sessionRoutes.create.body,
    defaults: { username: '', password: '' },
    toBody: (values: { username: string; password: string }) => ({ ...values, username: values.username.trim() }),
    error: signIn.error,
  });
  return (
    <form className="space-y-4" onSubmit={form.handleSubmit((body) => signIn.run({ body }))}>
      <TextField form={form} name="username" label="User name" autoComplete="username" required />
      <TextField
        form={form}
        name="password"
        label="Password"
        type="password"
        autoComplete="current-password"
        required
      />
      <ProblemNotice error={signIn.error} fields={['username', 'password']} />
      <Button variant="primary" type="submit" className="w-full" pending={signIn.pending || signIn.done}>
        Sign in
      </Button>
    </form>
  );
}
