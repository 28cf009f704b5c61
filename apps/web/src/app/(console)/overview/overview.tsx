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
import { useWork } from './use-work';
import { WorkPanel } from './work-panel';

/** Two columns when wide; on narrow screens their children mix, what to do coming right after the state. */
const COLUMN = 'contents xl:flex xl:min-w-0 xl:flex-col xl:gap-4';

export function Overview() {
  const cluster = useQuery(clusterQuery);
  const joins = useQuery(joinsQuery);
  const work = useWork();
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
      <div className="flex flex-col gap-4 xl:grid xl:grid-cols-[minmax(0,1fr)_22rem] xl:items-start">
        <div className={COLUMN}>
          <QuorumHero cluster={cluster.data} />
          <div className="order-3 empty:hidden">
            <JoinsPanel joins={joinItems} />
          </div>
          <div className="order-4">
            <MembersStrip members={cluster.data.members} />
          </div>
          <div className="order-5">
            <RecentEvents />
          </div>
        </div>
        <div className={COLUMN}>
          <div className="order-2">
            <NextSteps cluster={cluster.data} joins={joinItems} work={work} />
          </div>
          <div className="order-4 empty:hidden">
            <WorkPanel work={work} />
          </div>
          <div className="order-6">
            <Identity cluster={cluster.data} />
          </div>
        </div>
      </div>
    </Page>
  );
}
