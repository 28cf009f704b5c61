'use client';

import { type Failover, failoverRoutes } from '@quorate/shared/failovers';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Crown } from 'lucide-react';
import { useState } from 'react';
import { DataTable } from '@/components/data-list';
import { FromTo } from '@/components/from-to';
import { ListStates } from '@/components/list-states';
import { ProblemNotice } from '@/components/problem-notice';
import { EmptyState } from '@/components/states';
import { Time } from '@/components/time';
import { Badge, type Tone } from '@/components/ui/badge';
import { Button } from '@/components/ui/button';
import { Dialog } from '@/components/ui/dialog';
import { Notice } from '@/components/ui/notice';
import { Facts, Panel } from '@/components/ui/panel';
import { WriteButton } from '@/components/write-button';
import { formatMs } from '@/lib/format';
import { useListPollMs } from '@/lib/live';
import { clusterQuery, failoversQuery } from '@/lib/queries';
import { useWrite } from '@/lib/use-write';

const REASONS: Record<Failover['reason'], readonly [word: string, tone: Tone]> = {
  transfer: ['Transferred', 'plain'],
  test: ['Test', 'info'],
  drain: ['Drained', 'plain'],
  removal: ['Removed', 'plain'],
  shutdown: ['Shut down', 'plain'],
  crash: ['Crashed or cut off', 'bad'],
  unknown: ['Not known', 'warn'],
};

const MEASURED = {
  last_write: 'between two writes',
  leader_last_seen: 'nothing was written: since the old leader was seen',
} as const;

/** Who led after whom, why, and how long writes waited. */
export function FailoversPanel() {
  const [testing, setTesting] = useState(false);
  const cluster = useQuery(clusterQuery);
  const failovers = useInfiniteQuery({ ...failoversQuery, refetchInterval: useListPollMs() });
  const items = failovers.data?.pages.flatMap((page) => page.items) ?? [];
  const nameOf = (id: number) => cluster.data?.members.find((member) => member.id === id)?.name ?? `node ${id}`;
  // Leadership of an etcd of the operator is not ours to move.
  const canTest = (cluster.data?.quorum.voters ?? 0) > 1 && cluster.data?.external_etcd !== true;
  const test = canTest ? (
    <WriteButton needs="admin" size="sm" onClick={() => setTesting(true)}>
      Test failover
    </WriteButton>
  ) : undefined;
  return (
    <>
      <Panel title="Failovers" flush actions={test}>
        <ListStates
          query={failovers}
          count={items.length}
          rows={3}
          empty={
            <EmptyState icon={Crown} title="Leadership has not changed yet" cli="quorate cluster failovers test">
              Each change is listed with the time for which no write was committed.
            </EmptyState>
          }
        >
          <DataTable
            label="Failovers"
            rows={items}
            keyOf={({ term }) => term}
            columns={[
              {
                head: 'Leader',
                cell: ({ from, to, at }) => (
                  <>
                    <FromTo from={nameOf(from)} to={nameOf(to)} />
                    <Time at={at} className="text-ink-3 text-xs sm:hidden" />
                  </>
                ),
              },
              {
                head: 'Reason',
                cell: ({ reason, requested_by: by }) => (
                  <>
                    <Badge tone={REASONS[reason][1]}>{REASONS[reason][0]}</Badge>
                    {by ? <p className="text-ink-3 text-xs">by {by}</p> : null}
                  </>
                ),
              },
              {
                head: 'Write gap',
                right: true,
                cell: ({ probe_gap_ms: probe, write_gap_ms: write, measured_from: from }) => (
                  <>
                    <p className="tabular-nums">{formatMs(probe ?? write)}</p>
                    <p className="text-ink-3 text-xs max-sm:hidden">
                      {probe !== null ? 'by the probe' : from ? MEASURED[from] : ''}
                    </p>
                  </>
                ),
              },
              { head: 'Term', right: true, from: 'sm', className: 'tabular-nums', cell: ({ term }) => term },
              { head: 'When', right: true, from: 'sm', cell: ({ at }) => <Time at={at} /> },
            ]}
          />
        </ListStates>
      </Panel>
      {testing ? <TestDialog nameOf={nameOf} onClose={() => setTesting(false)} /> : null}
    </>
  );
}

function TestDialog({ nameOf, onClose }: { nameOf: (id: number) => string; onClose: () => void }) {
  const test = useWrite(failoverRoutes.test, { refresh: ['failovers', 'cluster'] });
  const result = test.data;
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title="Test failover"
      footer={
        result ? (
          <Button variant="primary" onClick={onClose}>
            Close
          </Button>
        ) : (
          <>
            <Button onClick={onClose}>Cancel</Button>
            <Button variant="primary" pending={test.pending} onClick={() => test.run({ body: {} })}>
              Hand over and measure
            </Button>
          </>
        )
      }
    >
      <div className="space-y-4">
        {result ? (
          <>
            <Notice tone={result.failed_writes === 0 ? 'ok' : 'warn'} role="status">
              {nameOf(result.to)} leads now. No write was acknowledged for {formatMs(result.write_gap_ms)}.
            </Notice>
            <Facts
              items={[
                { label: 'From', value: nameOf(result.from) },
                { label: 'To', value: nameOf(result.to) },
                { label: 'Usual write', value: formatMs(result.usual_write_ms) },
                { label: 'Writes', value: `${result.writes} acknowledged, ${result.failed_writes} failed` },
              ]}
            />
          </>
        ) : (
          <p className="text-ink-2">
            Leadership goes to the best other voter while this node writes a probe through the log. Clients' writes wait
            for as long as the probe's; voters and quorum stay as they are.
          </p>
        )}
        <ProblemNotice error={test.error} />
      </div>
    </Dialog>
  );
}
