'use client';

import type { Connector } from '@quorate/shared/connector';
import { useQuery } from '@tanstack/react-query';
import { CircleCheck, CircleX, LoaderCircle, Power, Unplug } from 'lucide-react';
import { CopyButton } from '@/components/copy-button';
import { Page } from '@/components/page';
import { ErrorState } from '@/components/states';
import { Time } from '@/components/time';
import { type Look, LookBadge } from '@/components/ui/badge';
import { Facts, Panel } from '@/components/ui/panel';
import { SkeletonRows } from '@/components/ui/skeleton';
import { formatInt } from '@/lib/format';
import { connectorQuery } from '@/lib/queries';
import { NodesPanel } from './nodes-panel';
import { SettingsPanel } from './settings-panel';
import { TakeoversPanel } from './takeovers-panel';

const STATES: Record<Connector['state'], Look> = {
  connected: ['Connected', 'ok', CircleCheck],
  connecting: ['Connecting', 'info', LoaderCircle],
  unreachable: ['Upstream not reached', 'bad', CircleX],
  no_active: ['No active node', 'warn', Unplug],
  off: ['Off', 'plain', Power],
};

/** The one connection to the upstream: its state, the nodes, takeovers and settings. */
export function ConnectorPage() {
  const connector = useQuery(connectorQuery);
  const { data } = connector;
  return (
    <Page
      title="Connector"
      description="One core node keeps the connection to an upstream; the others stand by and take over."
    >
      {connector.isPending ? <SkeletonRows rows={6} /> : null}
      {connector.isError && !data ? (
        <ErrorState error={connector.error} onRetry={() => void connector.refetch()} />
      ) : null}
      {data ? (
        <div className="grid items-start gap-4 xl:grid-cols-[minmax(0,1fr)_22rem]">
          <div className="min-w-0 space-y-4">
            <StatePanel connector={data.settings} />
            <NodesPanel nodes={data.settings.nodes} />
            <TakeoversPanel takeovers={data.settings.takeovers} nodes={data.settings.nodes} />
          </div>
          <SettingsPanel current={data} />
        </div>
      ) : null}
    </Page>
  );
}

function StatePanel({ connector }: { connector: Connector }) {
  const { state, sentence, active, gateway, cluster_ca: ca } = connector;
  return (
    <Panel>
      <div className="space-y-3">
        <div className="flex flex-wrap items-center gap-x-3 gap-y-1.5" role="status">
          <LookBadge look={STATES[state]} />
          <p className="min-w-0 break-words font-medium text-ink">{sentence}</p>
        </div>
        <Facts
          items={[
            { label: 'Gateway', value: `${gateway.name} (${gateway.cluster_id})` },
            { label: 'Generation', value: active ? formatInt(active.generation) : '–' },
            { label: 'Active since', value: active ? <Time at={active.since} /> : '–' },
            { label: 'Connected since', value: active?.connected_since ? <Time at={active.connected_since} /> : '–' },
            {
              label: 'CA of the nodes',
              value: (
                <span className="inline-flex items-center gap-1">
                  for the upstream to trust <CopyButton text={ca} what="CA of the nodes" />
                </span>
              ),
            },
          ]}
        />
      </div>
    </Panel>
  );
}
