'use client';

import type { Runner } from '@quorate/shared/runners';
import { useQuery } from '@tanstack/react-query';
import { ShareBar } from '@/components/share-bar';
import { DrainedBadge } from '@/components/status';
import { RunnerBadge } from '@/components/work-status';
import { cn } from '@/lib/cn';
import { formatSpan, formatUtc, plural } from '@/lib/format';
import { clusterQuery } from '@/lib/queries';
import { useNow } from '@/lib/use-now';
import { workOf } from './filter';

/** Its name, which opens it, and where it is. */
export function RunnerName({ runner, onOpen }: { runner: Runner; onOpen: (runner: Runner) => void }) {
  return (
    <div className="min-w-0">
      <button
        type="button"
        className="break-all text-left font-medium text-ink underline-offset-2 hover:underline"
        onClick={() => onOpen(runner)}
      >
        {runner.name}
      </button>
      <p className="text-ink-3 text-xs">{runner.node_id === null ? 'own host' : `inside node ${runner.node_id}`}</p>
    </div>
  );
}

export function RunnerState({ runner }: { runner: Runner }) {
  return (
    <div className="space-y-1">
      <p className="flex flex-wrap gap-1">
        <RunnerBadge status={runner.status} />
        {runner.drained ? <DrainedBadge /> : null}
      </p>
      <p className="text-ink-3 text-xs">
        for <Span since={runner.status_since} />
      </p>
      {runner.problem === '' ? null : (
        <p className="max-w-56 break-words text-warn text-xs">Begins no job: {runner.problem}</p>
      )}
    </div>
  );
}

/** How many of its slots are taken. */
export function Slots({ runner }: { runner: Runner }) {
  const work = workOf(runner);
  const share = runner.capacity === 0 ? 0 : work / runner.capacity;
  const parts = [
    runner.jobs > 0 ? plural(runner.jobs, 'job') : '',
    runner.replicas > 0 ? plural(runner.replicas, 'replica') : '',
  ].filter(Boolean);
  return (
    <div className="w-32 space-y-1">
      <p className="whitespace-nowrap">
        {work} of {runner.capacity}
      </p>
      <ShareBar share={share} tone={share >= 1 ? 'warn' : 'accent'} />
      <p className="text-ink-3 text-xs">
        {parts.join(', ') || (runner.status === 'online' ? 'idle' : 'nothing placed on it')}
      </p>
    </div>
  );
}

/** A percentage of its host, marked when it is high; what an offline one told last says nothing about now. */
export function Percent({ runner, of }: { runner: Runner; of: 'cpu_percent' | 'memory_percent' }) {
  const value = runner[of];
  if (value === null || runner.status === 'offline') return <span className="text-ink-3">–</span>;
  return (
    <div className="w-20 space-y-1">
      <p className={cn('whitespace-nowrap', value >= 90 && 'font-medium text-warn')}>{Math.round(value)} %</p>
      <ShareBar share={value / 100} tone={value >= 90 ? 'warn' : 'accent'} />
    </div>
  );
}

/** To how many of the core nodes it is connected, and which are missing. */
export function Connections({ runner }: { runner: Runner }) {
  const { data } = useQuery(clusterQuery);
  const { connected_to: connected, node_id: inside, status } = runner;
  if (status === 'offline') return <span className="text-ink-3">–</span>;
  if (inside !== null) return <span className="text-ink-2">to its node</span>;
  if (connected.length === 0) return <span className="text-ink-3">unknown</span>;
  const missing = (data?.members ?? []).filter(({ id }) => !connected.includes(id)).map(({ name }) => name);
  return (
    <div>
      <p className="whitespace-nowrap">
        {connected.length} of {connected.length + missing.length} nodes
      </p>
      {missing.length > 0 ? <p className="text-warn text-xs">not to {missing.join(', ')}</p> : null}
    </div>
  );
}

function Span({ since }: { since: string }) {
  const now = useNow();
  return (
    <time dateTime={since} title={formatUtc(since)}>
      {formatSpan((now - Date.parse(since)) / 1000)}
    </time>
  );
}
