'use client';

import { useQuery } from '@tanstack/react-query';
import { Page } from '@/components/page';
import { ErrorState } from '@/components/states';
import { Notice } from '@/components/ui/notice';
import { Panel } from '@/components/ui/panel';
import { SkeletonRows } from '@/components/ui/skeleton';
import { asSentence } from '@/lib/format';
import { haQuery } from '@/lib/queries';
import { FailoverHistory } from './failover-history';
import { HaSettingsForm } from './ha-settings-form';
import { HaState } from './ha-state';
import { PendingMoves } from './pending-moves';
import { SystemServices } from './system-services';
import { UpdatePanel } from './update-panel';

const DESCRIPTION =
  'Keeps what runs running when nodes fail: system services on distinct nodes, replicas moved after a delay that you set, changes rolled out node by node.';

export function HaModePage() {
  const ha = useQuery(haQuery);
  const { data } = ha;
  if (!data) {
    return (
      <Page title="HA mode" description={DESCRIPTION}>
        <Panel flush>
          {ha.isError ? <ErrorState error={ha.error} onRetry={() => void ha.refetch()} /> : <SkeletonRows rows={6} />}
        </Panel>
      </Page>
    );
  }
  const { settings } = data;
  return (
    <Page title="HA mode" description={DESCRIPTION}>
      <div className="grid gap-4 xl:grid-cols-[minmax(0,1fr)_22rem] xl:items-start">
        <div className="min-w-0 space-y-4">
          <HaState ha={settings} />
          {settings.warning ? (
            <Notice tone="warn" role="status">
              {asSentence(settings.warning)}
            </Notice>
          ) : null}
          <PendingMoves moves={settings.pending_moves} />
          <UpdatePanel ha={settings} />
          <FailoverHistory />
        </div>
        <div className="min-w-0 space-y-4">
          <Panel title="Settings">
            <HaSettingsForm current={data} />
          </Panel>
          <SystemServices />
        </div>
      </div>
    </Page>
  );
}
