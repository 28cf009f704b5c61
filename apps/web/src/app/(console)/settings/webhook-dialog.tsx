'use client';

import { type Webhook, type WebhookDelivery, webhookRoutes } from '@quorate/shared/webhooks';
import { useInfiniteQuery } from '@tanstack/react-query';
import { CircleCheck, RotateCcw, Skull } from 'lucide-react';
import { useState } from 'react';
import { toast } from 'sonner';
import { ConfirmDialog } from '@/components/confirm-dialog';
import { DataTable } from '@/components/data-list';
import { MoreButton } from '@/components/more-button';
import { ProblemNotice } from '@/components/problem-notice';
import { ErrorState } from '@/components/states';
import { Time } from '@/components/time';
import { LookBadge } from '@/components/ui/badge';
import { Dialog } from '@/components/ui/dialog';
import { Notice } from '@/components/ui/notice';
import { Facts } from '@/components/ui/panel';
import { SkeletonRows } from '@/components/ui/skeleton';
import { WriteButton } from '@/components/write-button';
import { formatMs, plural } from '@/lib/format';
import { webhookDeliveriesQuery } from '@/lib/queries';
import { useWrite } from '@/lib/use-write';
import { WebhookSecret } from './webhook-secret';

const STATES = {
  delivered: { word: 'Delivered', tone: 'ok', icon: CircleCheck },
  dead: { word: 'Dead letter', tone: 'bad', icon: Skull },
  replay: { word: 'Trying again', tone: 'info', icon: RotateCcw },
} as const;

interface Props {
  webhook: Webhook;
  onClose: () => void;
}

/** One webhook: its deliveries, and what can be done about it. */
export function WebhookDialog({ webhook, onClose }: Props) {
  const [step, setStep] = useState<'look' | 'delete'>('look');
  const [secret, setSecret] = useState<string>();
  const params = { id: webhook.id };
  const update = useWrite(webhookRoutes.update, { refresh: ['webhooks'] });
  const replay = useWrite(webhookRoutes.replayAll, {
    refresh: ['webhooks'],
    onSuccess: ({ replayed }) => toast.success(`${plural(replayed, 'dead letter')} on the way again`),
  });
  const test = useWrite(webhookRoutes.test);
  const rotate = useWrite(webhookRoutes.rotateSecret, { onSuccess: (result) => setSecret(result.secret) });
  if (secret) return <WebhookSecret name={webhook.name} secret={secret} onClose={() => setSecret(undefined)} />;
  if (step === 'delete') return <DeleteDialog webhook={webhook} onClose={onClose} />;
  const types = webhook.types.length === 0 ? 'all' : webhook.types.join(', ');
  return (
    <Dialog
      open
      width="wide"
      onOpenChange={(open) => !open && onClose()}
      title={webhook.name}
      footer={
        <>
          <WriteButton needs="admin" className="mr-auto" onClick={() => setStep('delete')}>
            Delete
          </WriteButton>
          <WriteButton needs="admin" pending={rotate.pending} onClick={() => rotate.run({ params })}>
            New secret
          </WriteButton>
          <WriteButton
            needs="admin"
            pending={update.pending}
            onClick={() => update.run({ params, body: { enabled: !webhook.enabled } })}
          >
            {webhook.enabled ? 'Disable' : 'Enable'}
          </WriteButton>
          {webhook.dead_letters > 0 ? (
            <WriteButton needs="admin" pending={replay.pending} onClick={() => replay.run({ params })}>
              Replay dead letters
            </WriteButton>
          ) : null}
          <WriteButton needs="admin" variant="primary" pending={test.pending} onClick={() => test.run({ params })}>
            Send a test
          </WriteButton>
        </>
      }
    >
      <div className="space-y-4">
        <Facts
          items={[
            { label: 'URL', value: webhook.url, mono: true },
            { label: 'Events', value: types },
            { label: 'Waiting', value: plural(webhook.waiting, 'event') },
            { label: 'Created', value: <Time at={webhook.created_at} show="both" /> },
          ]}
        />
        {webhook.failing_since ? (
          <Notice tone="warn" title="Deliveries fail">
            {webhook.last_error}, since <Time at={webhook.failing_since} />. Each event is tried until it is 15 minutes
            old; then it becomes a dead letter.
          </Notice>
        ) : null}
        {test.data ? (
          <Notice tone={test.data.delivered ? 'ok' : 'bad'} role="status">
            {test.data.delivered
              ? `The test was taken: HTTP ${test.data.http_status} after ${formatMs(test.data.duration_ms)}.`
              : `The test was not taken: ${test.data.error}.`}
          </Notice>
        ) : null}
        <ProblemNotice error={update.error ?? replay.error ?? test.error ?? rotate.error} />
        <Deliveries id={webhook.id} />
      </div>
    </Dialog>
  );
}

function Deliveries({ id }: { id: string }) {
  const deliveries = useInfiniteQuery({ ...webhookDeliveriesQuery(id), refetchInterval: 3_000 });
  const items = deliveries.data?.pages.flatMap((page) => page.items) ?? [];
  if (deliveries.isPending) return <SkeletonRows rows={3} />;
  if (deliveries.isError && !deliveries.data)
    return <ErrorState error={deliveries.error} onRetry={() => void deliveries.refetch()} />;
  if (items.length === 0) return <p className="text-ink-2">Nothing was delivered yet.</p>;
  return (
    <div className="overflow-hidden rounded-md border">
      <DataTable
        label="Deliveries"
        rows={items}
        keyOf={({ id: delivery }) => delivery}
        columns={[
          {
            head: 'Event',
            cell: ({ event_type: type, seq }) => (
              <>
                <code className="font-mono text-xs">{type}</code>
                <p className="text-ink-3 text-xs">seq {seq}</p>
              </>
            ),
          },
          { head: 'Outcome', cell: (delivery) => <Outcome delivery={delivery} /> },
          { head: 'Attempts', right: true, from: 'sm', className: 'tabular-nums', cell: ({ attempts }) => attempts },
          { head: 'When', right: true, cell: ({ at }) => <Time at={at} /> },
        ]}
      />
      <MoreButton query={deliveries} />
    </div>
  );
}

function Outcome({ delivery: { state, error, http_status, duration_ms } }: { delivery: WebhookDelivery }) {
  const { word, tone, icon } = STATES[state];
  return (
    <>
      <LookBadge look={[word, tone, icon]} />
      <p className="break-words text-ink-3 text-xs">{error || `HTTP ${http_status} · ${formatMs(duration_ms)}`}</p>
    </>
  );
}

function DeleteDialog({ webhook, onClose }: Props) {
  const remove = useWrite(webhookRoutes.remove, {
    refresh: ['webhooks'],
    onSuccess: () => {
      toast.success(`${webhook.name} was deleted`);
      onClose();
    },
  });
  return (
    <ConfirmDialog
      open
      onClose={onClose}
      title={`Delete ${webhook.name}`}
      phrase={webhook.name}
      action="Delete webhook"
      pending={remove.pending}
      error={remove.error}
      onConfirm={() => remove.run({ params: { id: webhook.id } })}
    >
      <p className="text-ink-2">
        It gets no more events. Its {plural(webhook.dead_letters, 'dead letter')} are deleted with it.
      </p>
    </ConfirmDialog>
  );
}
