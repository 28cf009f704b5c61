'use client';

import type { ScalingDecision, Service } from '@quorate/shared/services';
import { useInfiniteQuery } from '@tanstack/react-query';
import { ArrowRight, Scaling } from 'lucide-react';
import { DataList } from '@/components/data-list';
import { ListStates } from '@/components/list-states';
import { EmptyState } from '@/components/states';
import { Time } from '@/components/time';
import { TimeChart } from '@/components/time-chart';
import { Panel } from '@/components/ui/panel';
import { asSentence, plural } from '@/lib/format';
import { scalingDecisionsQuery } from '@/lib/queries';
import { useNow } from '@/lib/use-now';

const formatValue = (metric: ScalingDecision['metric'], value: number): string =>
  metric === 'cpu' ? `${Math.round(value)} %` : plural(Math.round(value), 'job');

/** What the load made of the number of replicas: drawn, and decision by decision with why. */
export function DecisionsPanel({ service }: { service: Service }) {
  const decisions = useInfiniteQuery(scalingDecisionsQuery(service.name));
  const items = decisions.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <>
      {items.length > 0 ? <Charts service={service} decisions={items.toReversed()} /> : null}
      <Panel title="Decisions" flush>
        <ListStates
          query={decisions}
          count={items.length}
          rows={3}
          empty={
            <EmptyState icon={Scaling} title="No decision yet" cli={`quorate service decisions ${service.name}`}>
              {service.autoscaling?.enabled
                ? 'The first one comes with the first look at the load.'
                : 'Autoscaling is off: the number of replicas is set by hand.'}
            </EmptyState>
          }
        >
          <DecisionList decisions={items} />
        </ListStates>
      </Panel>
    </>
  );
}

function DecisionList({ decisions }: { decisions: readonly ScalingDecision[] }) {
  return (
    <DataList
      label="Decisions"
      rows={decisions}
      keyOf={({ at, from, to, reason }) => `${at} ${from} ${to} ${reason}`}
      from="md"
      columns={[
        { head: 'Replicas', className: 'whitespace-nowrap', cell: (decision) => <Change decision={decision} /> },
        {
          head: 'Load',
          right: true,
          className: 'whitespace-nowrap',
          cell: ({ metric, value, target }) => (
            <>
              {value === null ? <span className="text-ink-3">not known</span> : formatValue(metric, value)}
              <p className="text-ink-3 text-xs">target {formatValue(metric, target)}</p>
            </>
          ),
        },
        { head: 'Why', className: 'min-w-40 break-words', cell: ({ reason }) => asSentence(reason) },
        { head: 'When', right: true, cell: ({ at }) => <Time at={at} /> },
      ]}
      card={(decision) => (
        <>
          <div className="flex items-baseline justify-between gap-2">
            <Change decision={decision} />
            <Time at={decision.at} className="text-ink-3 text-xs" />
          </div>
          <p className="break-words text-ink-2">{asSentence(decision.reason)}</p>
        </>
      )}
    />
  );
}

function Change({ decision: { from, to } }: { decision: ScalingDecision }) {
  if (from === to) return <span className="text-ink-2">{from}, kept</span>;
  return (
    <span className="flex items-center gap-1.5 font-medium">
      {from}
      <ArrowRight aria-label="to" className="size-3.5 text-ink-3" />
      {to}
    </span>
  );
}

/** Replicas and load over the time of the decisions, which come in ascending order. */
function Charts({ service, decisions }: { service: Service; decisions: readonly ScalingDecision[] }) {
  const nowMs = useNow();
  const [first] = decisions;
  const last = decisions.at(-1);
  if (!first || !last) return null;
  const fromMs = Date.parse(first.at);
  const toMs = Math.max(nowMs, Date.parse(last.at) + 1);
  const { metric } = last;
  const replicas = decisions.map(({ at, to }) => ({ atMs: Date.parse(at), value: to }));
  const loads = decisions.flatMap(({ at, metric: of, value }) =>
    value === null || of !== metric ? [] : [{ atMs: Date.parse(at), value }],
  );
  const { min, max } = service.autoscaling ?? {};
  return (
    <Panel
      title="Over time"
      actions={
        <span className="text-ink-3 text-xs">
          since <Time at={first.at} />
        </span>
      }
    >
      <div className="grid gap-6 lg:grid-cols-2">
        <div className="min-w-0 space-y-2">
          <h3 className="font-medium text-ink text-xs">Replicas wanted</h3>
          <TimeChart
            label={`Replicas wanted: ${first.from} at first, ${last.to} now`}
            step
            points={[{ atMs: fromMs, value: first.from }, ...replicas]}
            fromMs={fromMs}
            toMs={toMs}
            levels={[
              ...(min === undefined ? [] : [{ value: min, label: `at least ${min}` }]),
              ...(max === undefined ? [] : [{ value: max, label: `at most ${max}` }]),
            ]}
            format={(value) => String(Math.round(value))}
          />
        </div>
        <div className="min-w-0 space-y-2">
          <h3 className="font-medium text-ink text-xs">{metric === 'cpu' ? 'CPU of its replicas' : 'Queued jobs'}</h3>
          <TimeChart
            label={`${metric === 'cpu' ? 'CPU of its replicas' : 'Queued jobs'} at each decision, against a target of ${formatValue(metric, last.target)}`}
            points={loads}
            fromMs={fromMs}
            toMs={toMs}
            levels={
              metric === 'cpu' ? [{ value: last.target, label: `target ${formatValue(metric, last.target)}` }] : []
            }
            format={(value) => (metric === 'cpu' ? `${Math.round(value)} %` : String(Math.round(value)))}
          />
        </div>
      </div>
    </Panel>
  );
}
