'use client';

import type { Webhook } from '@quorate/shared/webhooks';
import { useInfiniteQuery } from '@tanstack/react-query';
import { CircleCheck, CirclePause, Plus, TriangleAlert, Webhook as WebhookIcon } from 'lucide-react';
import { useState } from 'react';
import { MoreButton } from '@/components/more-button';
import { EmptyState, ErrorState } from '@/components/states';
import { Time } from '@/components/time';
import { Badge } from '@/components/ui/badge';
import { Button } from '@/components/ui/button';
import { Panel } from '@/components/ui/panel';
import { SkeletonRows } from '@/components/ui/skeleton';
import { Table, Td, Th, Tr } from '@/components/ui/table';
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
        {webhooks.isPending ? <SkeletonRows rows={3} /> : null}
        {webhooks.isError && !webhooks.data ? (
          <ErrorState error={webhooks.error} onRetry={() => void webhooks.refetch()} />
        ) : null}
        {webhooks.isSuccess && items.length === 0 ? (
          <EmptyState
            icon={WebhookIcon}
            title="No webhooks"
            cli="quorate webhook create pager https://… --event cluster"
          >
            Events are sent to a URL of yours, signed, in order, and tried again until they arrive.
          </EmptyState>
        ) : null}
        {items.length > 0 ? (
          <Table label="Webhooks">
            <thead>
              <tr>
                <Th>Name</Th>
                <Th>State</Th>
                <Th className="max-sm:hidden">Events</Th>
                <Th className="text-right max-sm:hidden">Waiting</Th>
                <Th className="text-right max-sm:hidden">Dead letters</Th>
                <Th>
                  <span className="sr-only">Actions</span>
                </Th>
              </tr>
            </thead>
            <tbody>
              {items.map((webhook) => (
                <Tr key={webhook.id}>
                  <Td>
                    <p className="break-all font-medium">{webhook.name}</p>
                    <p className="max-w-36 truncate sm:max-w-72 font-mono text-2xs text-ink-3" title={webhook.url}>
                      {webhook.url}
                    </p>
                  </Td>
                  <Td>
                    <WebhookBadge webhook={webhook} />
                    {webhook.failing_since ? (
                      <p className="mt-0.5 text-ink-3 text-xs">
                        since <Time at={webhook.failing_since} />
                      </p>
                    ) : null}
                  </Td>
                  <Td className="max-sm:hidden">{webhook.types.length === 0 ? 'all' : webhook.types.join(', ')}</Td>
                  <Td className="text-right tabular-nums max-sm:hidden">{formatInt(webhook.waiting)}</Td>
                  <Td className="text-right tabular-nums max-sm:hidden">{formatInt(webhook.dead_letters)}</Td>
                  <Td className="w-20 text-right">
                    <Button size="sm" onClick={() => setOpenId(webhook.id)} aria-label={`Open ${webhook.name}`}>
                      Open
                    </Button>
                  </Td>
                </Tr>
              ))}
            </tbody>
          </Table>
        ) : null}
        <MoreButton query={webhooks} />
      </Panel>
      {creating ? <CreateWebhookDialog onClose={() => setCreating(false)} /> : null}
      {opened ? <WebhookDialog webhook={opened} onClose={() => setOpenId(undefined)} /> : null}
    </>
  );
}
