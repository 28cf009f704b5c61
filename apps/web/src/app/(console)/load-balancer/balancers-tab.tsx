'use client';

import { balancerRoutes, type HaproxyBalancer } from '@quorate/shared/haproxy-balancers';
import { useQuery } from '@tanstack/react-query';
import { CircleCheck, EarOff, Hourglass, Scale, TriangleAlert } from 'lucide-react';
import { useState } from 'react';
import { toast } from 'sonner';
import { ConfirmDialog } from '@/components/confirm-dialog';
import { ListStates } from '@/components/list-states';
import { EmptyState } from '@/components/states';
import { Time } from '@/components/time';
import { LookBadge } from '@/components/ui/badge';
import { Panel } from '@/components/ui/panel';
import { WriteButton } from '@/components/write-button';
import { balancersQuery } from '@/lib/queries';
import { useWrite } from '@/lib/use-write';
import { PublishedServices } from './published-services';

const WATCH = "quorate haproxy watch --out /etc/haproxy/haproxy.cfg --reload 'systemctl reload haproxy'";

const STATUS = {
  current: ['Current', 'ok', CircleCheck],
  stale: ['Stale', 'warn', Hourglass],
  failing: ['Failing', 'bad', TriangleAlert],
  silent: ['Not heard from', 'bad', EarOff],
} as const;

const VIA = { reload: 'by a reload', runtime: 'without a reload', file: 'nothing to reload' } as const;

export function BalancersTab() {
  const balancers = useQuery(balancersQuery);
  const items = balancers.data?.items ?? [];
  const [removing, setRemoving] = useState<HaproxyBalancer>();
  return (
    <div className="space-y-4">
      <Panel title="Load balancers" flush>
        <ListStates
          query={balancers}
          count={items.length}
          rows={3}
          empty={
            <EmptyState icon={Scale} title="No load balancer reports" cli={WATCH}>
              One that runs this keeps its configuration up to date and says here what it runs.
            </EmptyState>
          }
        >
          <ul className="divide-y">
            {items.map((balancer) => (
              <BalancerRow key={balancer.name} balancer={balancer} onRemove={() => setRemoving(balancer)} />
            ))}
          </ul>
        </ListStates>
      </Panel>
      <PublishedServices />
      {removing ? <RemoveBalancerDialog balancer={removing} onClose={() => setRemoving(undefined)} /> : null}
    </div>
  );
}

function BalancerRow({ balancer, onRemove }: { balancer: HaproxyBalancer; onRemove: () => void }) {
  const { name, status, detail } = balancer;
  const [word, tone, icon] = STATUS[status];
  return (
    <li className="flex flex-wrap items-start justify-between gap-x-6 gap-y-2 px-3.5 py-3">
      <div className="min-w-0 flex-1 basis-64 space-y-1">
        <p className="flex flex-wrap items-center gap-2">
          <span className="break-all font-medium text-ink">{name}</span>
          <LookBadge look={[word, tone, icon]} />
        </p>
        <p className="text-ink-2">{sentenceOf(balancer)}</p>
        {detail ? <p className="break-words font-mono text-bad text-xs">{detail}</p> : null}
      </div>
      <dl className="grid grid-cols-[auto_auto] gap-x-3 text-xs [&>dt]:text-ink-3">
        <dt>Last heard</dt>
        <dd>{balancer.last_heard_at === null ? 'not yet' : <Time at={balancer.last_heard_at} />}</dd>
        <dt>Changed</dt>
        <dd>
          <Time at={balancer.reported_at} />
        </dd>
        <dt>HAProxy</dt>
        <dd>{balancer.haproxy_version || 'unknown'}</dd>
        <dt>Reported by</dt>
        <dd className="break-all">{balancer.reported_by}</dd>
      </dl>
      <WriteButton needs="operator" size="sm" onClick={onRemove} aria-label={`Remove ${name}`}>
        Remove
      </WriteButton>
    </li>
  );
}

/** What it runs, in words. */
function sentenceOf({ status, etag, revision, via }: HaproxyBalancer): string {
  if (etag === null) return 'It runs no configuration from here.';
  const what = revision === null ? `the configuration ${etag.slice(1, 13)}` : `revision ${revision}`;
  if (status === 'silent')
    return `It ran ${what} when it was last heard of. See whether quorate haproxy watch runs on its host and reaches a node.`;
  if (status === 'failing') return `It still runs ${what}: the newest one did not get there.`;
  return `It runs ${what}, applied ${VIA[via]}.${status === 'stale' ? ' There is a newer one.' : ''}`;
}

function RemoveBalancerDialog({ balancer: { name }, onClose }: { balancer: HaproxyBalancer; onClose: () => void }) {
  const remove = useWrite(balancerRoutes.remove, {
    refresh: ['haproxy'],
    onSuccess: () => {
      toast.success(`${name} was removed`);
      onClose();
    },
  });
  return (
    <ConfirmDialog
      open
      onClose={onClose}
      title={`Remove ${name}`}
      phrase={name}
      action="Remove load balancer"
      pending={remove.pending}
      error={remove.error}
      onConfirm={() => remove.run({ params: { name } })}
    >
      <p className="text-ink-2">
        It is only forgotten here. If it still reports, it comes back: stop quorate haproxy watch on its host first.
      </p>
    </ConfirmDialog>
  );
}
