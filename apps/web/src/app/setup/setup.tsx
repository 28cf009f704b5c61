'use client';

import type { SetupState } from '@quorate/shared/setup';
import { useQuery } from '@tanstack/react-query';
import Link from 'next/link';
import { Gate } from '@/components/gate';
import { ErrorState } from '@/components/states';
import { buttonClass } from '@/components/ui/button';
import { Skeleton } from '@/components/ui/skeleton';
import { setupQuery } from '@/lib/queries';
import { SetupForm } from './setup-form';

export function Setup() {
  const setup = useQuery({ ...setupQuery, refetchOnWindowFocus: false });
  if (setup.isError) {
    return (
      <Gate title="Set up">
        <ErrorState error={setup.error} onRetry={() => void setup.refetch()} />
      </Gate>
    );
  }
  if (!setup.data) {
    return (
      <Gate title="Set up">
        <div className="space-y-4" role="status" aria-label="Loading">
          <Skeleton className="h-8" />
          <Skeleton className="h-8" />
          <Skeleton className="h-8" />
        </div>
      </Gate>
    );
  }
  return setup.data.needed ? <FirstAdmin state={setup.data} /> : <AlreadySetUp state={setup.data} />;
}

function FirstAdmin({ state }: { state: SetupState }) {
  return (
    <Gate
      title="Create the first admin"
      description="This works once for the whole cluster. More users can be added later."
      footer={
        <p>
          {state.node.name} (node {state.node.id}) · version {state.version}. To join a cluster that exists instead, run{' '}
          <code className="whitespace-nowrap font-mono text-ink-2">quorated join</code> with its join string on this
          host.
        </p>
      }
    >
      <SetupForm codeRequired={state.setup_code_required} />
    </Gate>
  );
}

function AlreadySetUp({ state }: { state: SetupState }) {
  return (
    <Gate
      title="This cluster is set up"
      description={`${state.cluster_name ?? 'The cluster'} has its first admin already.`}
    >
      <Link href="/sign-in" className={buttonClass('primary')}>
        Sign in
      </Link>
    </Gate>
  );
}
