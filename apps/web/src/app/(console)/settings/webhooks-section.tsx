'use client';

import type { Webhook } from '@quorate/shared/webhooks';
import { useInfiniteQuery } from '@tanstack/react-query';
import { CircleCheck, CirclePause, Plus, TriangleAlert, Webhook as WebhookIcon } from 'lucide-react';
import { useState } from 'react';
import { ACTIONS } from '@/components/actions-menu';
import { DataTable } from '@/components/data-list';
import { ListStates } from '@/components/list-states';
import { EmptyState } from '@/components/states';
import { Time } from '@/components/time';
import { Badge } from '@/components/ui/badge';
import { Button } from '@/components/ui/button';
import { Panel } from '@/components/ui/panel';
import { WriteButton } from '@/components/write-button';
import { formatInt } from '@/lib/format';
import { useListPollMs } from '@/lib/live';
import { webhooksQuery } from '@/lib/queries';
import { CreateWebhookDialog } from './create-webhook-dialog';
import { WebhookDialog } from './webhook-dialog';

export function WebhookBadge({ webhook }: { webhook: Webhook }) {
  if (!webhook.enabled) return <Badge icon={CirclePause}>Disabled</Badge>;
  if (webhook.failing_since) {
    return (
      <Badge tone="warn" icon={TriangleAlert}>
        Failing
      </Badge>
    );
  }
  return (
    <Badge tone="ok" icon={CircleCheck}>
      Delivering
    </Badge>
  );
}

const State = ({ webhook }: { webhook: Webhook }) => (
  <>
    <WebhookBadge webhook={webhook} />
    {webhook.failing_since ? (
      <p className="mt-0.5 text-ink-3 text-xs">
        since <Time at={webhook.failing_since} />
      </p>
    ) : null}
  </>
);

/** Where events are sent to, and how that goes. */
export function WebhooksSection() {
  const [creating, setCreating] = useState(false);
  const [openId, setOpenId] = useState<string>();
  const webhooks = useInfiniteQuery({ ...webhooksQuery, refetchInterval: useListPollMs() });
  const items = webhooks.data?.pages.flatMap((page) => page.items) ?? [];
  const opened = items.find((item) => item.id === openId);
  const add = (
    <WriteButton needs="admin" size="sm" variant="primary" onClick={() => setCreating(true)}>
      <Plus aria-hidden />
      Add a webhook
    </WriteButton>
  );
  return (
    <>
      <Panel title="Webhooks" flush actions={add}>
        <ListStates
          query={webhooks}
          count={items.length}
          rows={3}
          empty={
            <EmptyState
              icon={WebhookIcon}
              title="No webhooks"
              cli="quorate webhook create pager https://… --event cluster"
            >
              Events are sent to a URL of yours, signed, in order, and tried again until they arrive.
            </EmptyState>
          }
        >
          <DataTable
            label="Webhooks"
            rows={items}
            keyOf={({ id }) => id}
            columns={[
              {
                head: 'Name',
                cell: ({ name, url }) => (
                  <>
                    <p className="break-all font-medium">{name}</p>
                    <p className="max-w-36 truncate font-mono text-2xs text-ink-3 sm:max-w-72" title={url}>
                      {url}
                    </p>
                  </>
                ),
              },
              { head: 'State', cell: (webhook) => <State webhook={webhook} /> },
              { head: 'Events', from: 'sm', cell: ({ types }) => (types.length === 0 ? 'all' : types.join(', ')) },
              {
                head: 'Waiting',
                right: true,
                from: 'sm',
                className: 'tabular-nums',
                cell: ({ waiting }) => formatInt(waiting),
              },
              {
                head: 'Dead letters',
                right: true,
                from: 'sm',
                className: 'tabular-nums',
                cell: ({ dead_letters: dead }) => formatInt(dead),
              },
              {
                ...ACTIONS,
                className: 'w-20',
                cell: ({ id, name }) => (
                  <Button size="sm" onClick={() => setOpenId(id)} aria-label={`Open ${name}`}>
                    Open
                  </Button>
                ),
              },
            ]}
          />
        </ListStates>
      </Panel>
      {creating ? <CreateWebhookDialog onClose={() => setCreating(false)} /> : null}
      {opened ? <WebhookDialog webhook={opened} onClose={() => setOpenId(undefined)} /> : null}
    </>
  );
}
