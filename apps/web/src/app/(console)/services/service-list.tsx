'use client';

import type { Service } from '@quorate/shared/services';
import { ACTIONS } from '@/components/actions-menu';
import { DataList } from '@/components/data-list';
import { Time } from '@/components/time';
import { asSentence, plural } from '@/lib/format';
import { commandLine } from '@/lib/lines';
import { ReplicaMeter, replicaWords } from './replica-meter';
import type { ServiceActions } from './service-actions';
import { ServiceBadge, SystemBadge } from './service-badges';
import { ServiceMenu } from './service-menu';
import { autoscalingWords, failureOf, reasonsOf, spreadOf } from './service-words';

interface ServiceListProps {
  services: readonly Service[];
  actions: ServiceActions;
}

/** Services by name. */
export function ServiceList({ services, actions }: ServiceListProps) {
  return (
    <DataList
      label="Services"
      rows={services}
      keyOf={({ name }) => name}
      from="lg"
      columns={[
        {
          head: 'Service',
          className: 'w-1/4 max-w-0',
          cell: (service) => <Name service={service} actions={actions} />,
        },
        {
          head: 'State',
          className: 'min-w-40 max-w-64',
          cell: (service) => (
            <>
              <ServiceBadge service={service} />
              <Why service={service} />
            </>
          ),
        },
        {
          head: 'Replicas',
          className: 'whitespace-nowrap',
          cell: (service) => (
            <>
              <p>{replicaWords(service.replicas)}</p>
              <ReplicaMeter service={service} />
            </>
          ),
        },
        { head: 'On', className: 'whitespace-nowrap', cell: placesOf },
        { head: 'Scaled', className: 'text-ink-2', cell: (service) => autoscalingWords(service) ?? 'by hand' },
        {
          head: 'Updated',
          className: 'whitespace-nowrap',
          cell: ({ updated_at: at, revision }) => (
            <>
              <Time at={at} />
              <p className="text-ink-3 text-xs">revision {revision}</p>
            </>
          ),
        },
        { ...ACTIONS, cell: (service) => <ServiceMenu service={service} actions={actions} /> },
      ]}
      card={(service) => (
        <>
          <div className="flex items-start gap-2">
            <div className="min-w-0 flex-1">
              <Name service={service} actions={actions} />
            </div>
            <ServiceMenu service={service} actions={actions} />
          </div>
          <div className="flex flex-wrap items-center gap-2">
            <ServiceBadge service={service} />
            <span>{replicaWords(service.replicas)}</span>
            <div className="w-24">
              <ReplicaMeter service={service} />
            </div>
          </div>
          <Why service={service} />
          <p className="text-ink-3 text-xs">
            {placesOf(service)} · {autoscalingWords(service) ?? 'scaled by hand'} · revision {service.revision},{' '}
            <Time at={service.updated_at} />
          </p>
        </>
      )}
    />
  );
}

function Name({ service, actions }: { service: Service; actions: ServiceActions }) {
  return (
    <>
      <p className="flex flex-wrap items-center gap-x-1.5 gap-y-1">
        <button
          type="button"
          className="break-all text-left font-medium text-ink underline-offset-2 hover:underline"
          onClick={() => actions.open(service)}
        >
          {service.name}
        </button>
        {service.system ? <SystemBadge /> : null}
      </p>
      <p className="truncate font-mono text-ink-3 text-xs" title={commandLine(service.spec)}>
        {commandLine(service.spec)}
      </p>
    </>
  );
}

/** What most of its replicas wait for or suffer from. */
function Why({ service }: { service: Service }) {
  const [first] = reasonsOf(service.instances);
  const text = first?.reason || (service.rollout.state === 'idle' ? '' : failureOf(service.rollout.detail));
  if (!text) return null;
  return (
    <p className="mt-1 line-clamp-2 break-words text-ink-2 text-xs" title={text}>
      {asSentence(text)}
    </p>
  );
}

function placesOf(service: Service): string {
  const places = spreadOf(service.instances).filter(({ runner }) => runner !== null);
  if (places.length === 0) return 'no runner';
  return places.length === 1 ? (places[0]?.runner ?? '') : plural(places.length, 'runner');
}
