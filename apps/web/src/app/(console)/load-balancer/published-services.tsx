'use client';

import { type HaproxySettings, haproxyRoutes, type Publication } from '@quorate/shared/haproxy';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Network } from 'lucide-react';
import Link from 'next/link';
import { useState } from 'react';
import { toast } from 'sonner';
import { ProblemNotice } from '@/components/problem-notice';
import { EmptyState } from '@/components/states';
import { Panel } from '@/components/ui/panel';
import { SkeletonRows } from '@/components/ui/skeleton';
import { WriteButton } from '@/components/write-button';
import { haproxySettingsQuery, servicesQuery } from '@/lib/queries';
import type { Versioned } from '@/lib/settings-version';
import { useWrite } from '@/lib/use-write';
import { PublishDialog } from './publish-dialog';

/** Services that the load balancer gives an address of their own. */
export function PublishedServices() {
  const settings = useQuery(haproxySettingsQuery);
  const [publishing, setPublishing] = useState(false);
  const published = settings.data?.settings.services;
  return (
    <Panel
      title="Published services"
      flush
      actions={
        <WriteButton needs="operator" size="sm" disabled={!settings.data} onClick={() => setPublishing(true)}>
          Publish a service
        </WriteButton>
      }
    >
      {settings.isPending ? <SkeletonRows rows={2} /> : null}
      {published?.length === 0 ? (
        <EmptyState icon={Network} title="No service is published" cli="quorate haproxy publish web --bind '*:8080'">
          A published service gets an address on the load balancer; its traffic follows the healthy replicas.
        </EmptyState>
      ) : null}
      {settings.data && published ? <PublicationList current={settings.data} published={published} /> : null}
      {publishing && settings.data ? (
        <PublishDialog current={settings.data} onClose={() => setPublishing(false)} />
      ) : null}
    </Panel>
  );
}

/** How much of it takes traffic. */
function Replicas({ of }: { of: string }) {
  const services = useInfiniteQuery(servicesQuery);
  const known = services.data?.pages.flatMap((page) => page.items);
  const service = known?.find(({ name }) => name === of);
  if (!known || (!service && services.hasNextPage)) return null;
  if (!service) return <span className="text-warn text-xs">there is no such service</span>;
  if (service.spec.publish === '')
    return <span className="text-warn text-xs">its specification publishes no port</span>;
  const { healthy, desired } = service.replicas;
  const tone = healthy === 0 ? 'text-bad' : healthy < desired ? 'text-warn' : 'text-ink-2';
  return (
    <span className={`text-xs ${tone}`}>
      {healthy} of {desired} healthy
    </span>
  );
}

interface ListProps {
  current: Versioned<HaproxySettings>;
  published: readonly Publication[];
}

function PublicationList({ current, published }: ListProps) {
  const save = useWrite(haproxyRoutes.putSettings, {
    refresh: ['haproxy'],
    onSuccess: () => void toast.success('The service is published no more'),
  });
  const unpublish = (service: string) =>
    save.run({
      body: { ...current.settings, services: published.filter((other) => other.service !== service) },
      ...(current.etag === null ? {} : { headers: { 'If-Match': current.etag } }),
    });
  return (
    <>
      <ul className="divide-y">
        {published.map(({ service, bind, mode, balance, certificate_path }) => (
          <li key={service} className="flex flex-wrap items-center justify-between gap-x-6 gap-y-2 px-3.5 py-2.5">
            <div className="min-w-0 flex-1 basis-56">
              <Link
                href={`/services?service=${service}`}
                className="font-medium text-ink underline-offset-2 hover:underline"
              >
                {service}
              </Link>
              <p className="text-ink-2 text-xs">
                {mode === 'http' ? 'HTTP' : 'TCP'}
                {certificate_path === null ? '' : `, TLS with ${certificate_path}`} · {balance}
              </p>
            </div>
            <Replicas of={service} />
            <div className="ml-auto flex items-center gap-3">
              <span className="break-all font-mono text-xs">{bind}</span>
              <WriteButton
                needs="operator"
                size="sm"
                pending={save.pending}
                onClick={() => unpublish(service)}
                aria-label={`Unpublish ${service}`}
              >
                Unpublish
              </WriteButton>
            </div>
          </li>
        ))}
      </ul>
      {save.error ? (
        <div className="px-3.5 py-2">
          <ProblemNotice error={save.error} />
        </div>
      ) : null}
    </>
  );
}
