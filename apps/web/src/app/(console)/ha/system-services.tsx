'use client';

import { useInfiniteQuery } from '@tanstack/react-query';
import Link from 'next/link';
import { ListStates } from '@/components/list-states';
import { Panel } from '@/components/ui/panel';
import { servicesQuery } from '@/lib/queries';
import { useEveryPage } from '@/lib/use-every-page';
import { ReplicaMeter, replicaWords } from '../services/replica-meter';
import { ServiceBadge } from '../services/service-badges';

/** The services that HA mode keeps on distinct nodes. */
export function SystemServices() {
  const services = useInfiniteQuery(servicesQuery);
  const system = useEveryPage(services).filter((service) => service.system);
  return (
    <Panel title="System services" flush>
      <ListStates
        query={services}
        count={system.length}
        rows={2}
        empty={<p className="px-3.5 py-3 text-ink-2">No service is marked as a system service. Edit one to mark it.</p>}
      >
        <ul className="divide-y">
          {system.map((service) => (
            <li key={service.name} className="space-y-1.5 px-3.5 py-2.5">
              <p className="flex flex-wrap items-center gap-2">
                <Link
                  href={`/services?service=${encodeURIComponent(service.name)}`}
                  className="mr-auto font-medium text-ink underline-offset-2 hover:underline"
                >
                  {service.name}
                </Link>
                <ServiceBadge service={service} />
              </p>
              <p className="text-ink-2 text-xs">{replicaWords(service.replicas)}</p>
              <ReplicaMeter service={service} />
            </li>
          ))}
        </ul>
      </ListStates>
    </Panel>
  );
}
