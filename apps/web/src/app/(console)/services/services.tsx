'use client';

import type { Service, ServiceSpec } from '@quorate/shared/services';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Boxes, Plus, RefreshCw, Scaling } from 'lucide-react';
import { parseAsBoolean, parseAsString, useQueryState } from 'nuqs';
import { useState } from 'react';
import { ListFilter, NoMatch, useListFilter } from '@/components/list-filter';
import { ListStates } from '@/components/list-states';
import { Page } from '@/components/page';
import { EmptyState } from '@/components/states';
import { Panel } from '@/components/ui/panel';
import { WriteButton } from '@/components/write-button';
import { plural } from '@/lib/format';
import { servicesQuery } from '@/lib/queries';
import type { ServiceActions, ServiceStep } from './service-actions';
import { ServiceDetail } from './service-detail';
import { RemoveServiceDialog, RestartDialog, ScaleDialog } from './service-dialogs';
import { ServiceList } from './service-list';
import { filterServices, SHOW } from './service-words';
import { CreateServiceDialog, EditServiceDialog } from './spec-dialogs';

const SHOW_OPTIONS = [
  { value: 'all', label: 'All services' },
  { value: 'problems', label: 'With problems' },
  { value: 'changing', label: 'Changing' },
  { value: 'system', label: 'System services' },
] as const;

/** A step of all services is one without a service. */
type Doing = { step: ServiceStep; service: Service | null; spec?: ServiceSpec | undefined };

/** One service when the address names one, else all of them. */
export function Services() {
  const [opened, setOpened] = useQueryState('service', parseAsString.withOptions({ history: 'push' }));
  const [creating, setCreating] = useQueryState('create', parseAsBoolean.withDefault(false));
  const [doing, setDoing] = useState<Doing | null>(null);
  const close = () => setDoing(null);
  const actions: ServiceActions = {
    open: ({ name }) => void setOpened(name),
    start: (step, service, spec) => setDoing({ step, service, spec }),
  };
  const { step, service, spec } = doing ?? { step: null, service: null, spec: undefined };
  return (
    <>
      {opened === null ? (
        <AllServices
          actions={actions}
          onCreate={() => void setCreating(true)}
          onAll={(all) => setDoing({ step: all, service: null })}
        />
      ) : (
        <ServiceDetail name={opened} actions={actions} onBack={() => void setOpened(null)} />
      )}
      {creating ? (
        <CreateServiceDialog
          onClose={() => void setCreating(null)}
          onCreated={({ name }) => {
            void setCreating(null);
            void setOpened(name);
          }}
        />
      ) : null}
      {step === 'scale' ? <ScaleDialog service={service} onClose={close} /> : null}
      {step === 'restart' ? <RestartDialog service={service} onClose={close} /> : null}
      {(step === 'edit' || step === 'edit-text') && service ? (
        <EditServiceDialog name={service.name} spec={spec} asText={step === 'edit-text'} onClose={close} />
      ) : null}
      {step === 'remove' && service ? (
        <RemoveServiceDialog
          service={service}
          onClose={close}
          onRemoved={() => {
            close();
            void setOpened(null);
          }}
        />
      ) : null}
    </>
  );
}

interface AllServicesProps {
  actions: ServiceActions;
  onCreate: () => void;
  onAll: (step: 'scale' | 'restart') => void;
}

function AllServices({ actions, onCreate, onAll }: AllServicesProps) {
  const filter = useListFilter(SHOW);
  const services = useInfiniteQuery(servicesQuery);
  const all = services.data?.pages.flatMap((page) => page.items) ?? [];
  const items = filterServices(all, filter.show, filter.q);
  const healthy = all.reduce((sum, { replicas }) => sum + replicas.healthy, 0);
  const desired = all.reduce((sum, { replicas }) => sum + replicas.desired, 0);
  return (
    <Page
      title="Services"
      description={
        all.length === 0
          ? 'Programs that keep running: in replicas, spread over the runners, replaced when they fail.'
          : `${plural(all.length, 'service')} · ${healthy} of ${plural(desired, 'replica')} healthy`
      }
      actions={
        <>
          {all.length > 0 ? (
            <>
              <WriteButton needs="operator" onClick={() => onAll('restart')}>
                <RefreshCw aria-hidden />
                Restart all
              </WriteButton>
              <WriteButton needs="operator" onClick={() => onAll('scale')}>
                <Scaling aria-hidden />
                Scale all
              </WriteButton>
            </>
          ) : null}
          <WriteButton needs="operator" variant="primary" onClick={onCreate}>
            <Plus aria-hidden />
            New service
          </WriteButton>
        </>
      }
    >
      <div className="space-y-4">
        {all.length > 0 ? (
          <ListFilter
            filter={filter}
            options={SHOW_OPTIONS}
            label="Find a service by name or command"
            placeholder="Name or command"
          />
        ) : null}
        <Panel flush>
          <ListStates
            query={services}
            count={items.length}
            rows={5}
            empty={
              all.length > 0 ? (
                <NoMatch what="service" cli="quorate service list" onClear={filter.clear} />
              ) : (
                <EmptyState
                  icon={Boxes}
                  title="No service yet"
                  cli="quorate service create web --replicas 3 -- /usr/local/bin/web"
                >
                  Say what to run and how many times; the cluster keeps it running.
                </EmptyState>
              )
            }
          >
            <ServiceList services={items} actions={actions} />
          </ListStates>
        </Panel>
      </div>
    </Page>
  );
}
