'use client';

import type { Service, ServiceSpec } from '@quorate/shared/services';
import { useQuery } from '@tanstack/react-query';
import { Boxes, Pencil, RefreshCw, Scaling } from 'lucide-react';
import { parseAsStringLiteral, useQueryStates } from 'nuqs';
import { type Back, Page } from '@/components/page';
import { EmptyState, ErrorState } from '@/components/states';
import { Panel } from '@/components/ui/panel';
import { SkeletonRows } from '@/components/ui/skeleton';
import { Tabs } from '@/components/ui/tabs';
import { WriteButton } from '@/components/write-button';
import { serviceQuery } from '@/lib/queries';
import { AutoscalingTab } from './autoscaling-tab';
import { LogsTab, SLOT } from './logs-tab';
import { ReplicaList } from './replica-list';
import { replicaWords } from './replica-meter';
import { RevisionsTab } from './revisions-tab';
import { RolloutPanel } from './rollout-panel';
import type { ServiceActions } from './service-actions';
import { ServiceFacts, Spread } from './service-facts';
import { ServiceMenu, scaleBlock } from './service-menu';

interface ServiceDetailProps {
  name: string;
  actions: ServiceActions;
  onBack: () => void;
}

/** One service: its replicas, how it scales itself, what it was before. */
export function ServiceDetail({ name, actions, onBack }: ServiceDetailProps) {
  const { data, error, refetch } = useQuery(serviceQuery(name));
  const back = { label: 'All services', onBack };
  if (!data) {
    return (
      <Page title={name} back={back}>
        <Panel flush>
          {error ? <ErrorState error={error} onRetry={() => void refetch()} /> : <SkeletonRows rows={6} />}
        </Panel>
      </Page>
    );
  }
  return <Loaded service={data.settings} actions={actions} back={back} />;
}

const TABS = ['replicas', 'output', 'autoscaling', 'revisions'] as const;

function Loaded({ service, back, actions }: { service: Service; back: Back; actions: ServiceActions }) {
  const [{ tab }, setPlace] = useQueryStates({ tab: parseAsStringLiteral(TABS).withDefault('replicas'), slot: SLOT });
  const onUse = (spec: ServiceSpec) => actions.start('edit', service, spec);
  const byItself = scaleBlock(service) !== null;
  return (
    <Page
      title={service.name}
      back={back}
      description={`${replicaWords(service.replicas)} · revision ${service.revision}`}
      actions={
        <>
          {byItself ? null : (
            <WriteButton needs="operator" onClick={() => actions.start('scale', service)}>
              <Scaling aria-hidden />
              Scale
            </WriteButton>
          )}
          <WriteButton needs="operator" onClick={() => actions.start('restart', service)}>
            <RefreshCw aria-hidden />
            Restart
          </WriteButton>
          <WriteButton needs="operator" variant="primary" onClick={() => actions.start('edit', service)}>
            <Pencil aria-hidden />
            Edit
          </WriteButton>
          <ServiceMenu service={service} actions={actions} />
        </>
      }
    >
      <Tabs
        label={service.name}
        value={tab}
        onValueChange={(value) => void setPlace({ tab: value, slot: null })}
        tabs={[
          {
            value: 'replicas',
            label: 'Replicas',
            content: <ReplicasTab service={service} onOutput={(slot) => void setPlace({ tab: 'output', slot })} />,
          },
          { value: 'output', label: 'Output', content: <LogsTab service={service} /> },
          { value: 'autoscaling', label: 'Autoscaling', content: <AutoscalingTab service={service} /> },
          { value: 'revisions', label: 'Revisions', content: <RevisionsTab service={service} onUse={onUse} /> },
        ]}
      />
    </Page>
  );
}

function ReplicasTab({ service, onOutput }: { service: Service; onOutput: (slot: number) => void }) {
  const { instances } = service;
  return (
    <div className="grid gap-4 xl:grid-cols-[minmax(0,1fr)_22rem] xl:items-start">
      <div className="min-w-0 space-y-4">
        <RolloutPanel service={service} />
        <Panel title="Replicas" flush>
          {instances.length === 0 ? (
            <EmptyState icon={Boxes} title="No replica" cli={`quorate scale ${service.name} 1`}>
              {service.replicas.desired === 0 ? 'It is scaled to 0.' : 'None has been made yet.'}
            </EmptyState>
          ) : (
            <ReplicaList instances={instances} revision={service.revision} onOutput={onOutput} />
          )}
        </Panel>
      </div>
      <div className="min-w-0 space-y-4">
        <ServiceFacts service={service} />
        <Spread instances={instances} />
      </div>
    </div>
  );
}
