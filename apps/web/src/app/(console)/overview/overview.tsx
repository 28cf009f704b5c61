'use client';

import { useQuery } from '@tanstack/react-query';
import { Page } from '@/components/page';
import { ErrorState } from '@/components/states';
import { Panel } from '@/components/ui/panel';
import { SkeletonRows } from '@/components/ui/skeleton';
import { clusterQuery, joinsQuery } from '@/lib/queries';
import { Identity } from './identity';
import { JoinsPanel } from './joins-panel';
import { MembersStrip } from './members-strip';
import { NextSteps } from './next-steps-panel';
import { QuorumHero } from './quorum-hero';
import { RecentEvents } from './recent-events';

export function Overview() {
  const cluster = useQuery(clusterQuery);
  const joins = useQuery(joinsQuery);
  if (!cluster.data) {
    return (
      <Page title="Overview">
        <Panel flush>
          {cluster.isError ? (
            <ErrorState error={cluster.error} onRetry={() => void cluster.refetch()} />
          ) : (
            <SkeletonRows rows={6} />
          )}
        </Panel>
      </Page>
    );
  }
  const joinItems = joins.data?.items ?? [];
  return (
    <Page title="Overview">
      <div className="grid gap-4 xl:grid-cols-[minmax(0,1fr)_22rem]">
        <div className="min-w-0 space-y-4">
          <QuorumHero cluster={cluster.data} />
          <JoinsPanel joins={joinItems} />
          <MembersStrip members={cluster.data.members} />
          <RecentEvents />
        </div>
        <div className="min-w-0 space-y-4">
          <NextSteps cluster={cluster.data} joins={joinItems} />
          <Identity cluster={cluster.data} />
        </div>
      </div>
    </Page>
  );
}
