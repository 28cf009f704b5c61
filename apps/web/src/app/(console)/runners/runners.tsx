'use client';

import type { Runner } from '@quorate/shared/runners';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Cpu, Plus, SearchX } from 'lucide-react';
import { parseAsBoolean, parseAsString, parseAsStringLiteral, useQueryState, useQueryStates } from 'nuqs';
import { useState } from 'react';
import { MoreButton } from '@/components/more-button';
import { Page } from '@/components/page';
import { EmptyState, ErrorState } from '@/components/states';
import { Button } from '@/components/ui/button';
import { Input } from '@/components/ui/field';
import { Panel } from '@/components/ui/panel';
import { Select } from '@/components/ui/select';
import { SkeletonRows } from '@/components/ui/skeleton';
import { WriteButton } from '@/components/write-button';
import { plural } from '@/lib/format';
import { runnersQuery } from '@/lib/queries';
import { MintDialog } from '../join-tokens/mint-dialog';
import { filterRunners, SHOW, summaryOf } from './filter';
import { RemoveRunnerDialog } from './remove-runner-dialog';
import { RunnerDialog } from './runner-dialog';
import { RunnerList } from './runner-list';

const SHOW_OPTIONS = [
  { value: 'all', label: 'All runners' },
  { value: 'online', label: 'Online' },
  { value: 'offline', label: 'Offline' },
  { value: 'drained', label: 'Drained' },
] as const;

const FILTERS = { q: parseAsString.withDefault(''), show: parseAsStringLiteral(SHOW).withDefault('all') };

function sentenceOf(runners: readonly Runner[], complete: boolean): string {
  const { total, online, offline, drained, capacity, used } = summaryOf(runners);
  if (total === 0) return 'Hosts that run jobs and services. They hold no data and have no vote.';
  const parts = [
    `${online} of ${plural(total, 'runner')} online`,
    offline > 0 ? `${offline} offline` : '',
    drained > 0 ? `${drained} drained` : '',
    `${used} of ${plural(capacity, 'slot')} taken`,
  ].filter(Boolean);
  return `${parts.join(' · ')}${complete ? '' : ' (of those shown)'}`;
}

export function Runners() {
  const [{ q, show }, setFilters] = useQueryStates(FILTERS);
  const [adding, setAdding] = useQueryState('add', parseAsBoolean.withDefault(false));
  const [opened, setOpened] = useQueryState('runner', parseAsString);
  const [removing, setRemoving] = useState<Runner | null>(null);
  const runners = useInfiniteQuery(runnersQuery);
  const all = runners.data?.pages.flatMap((page) => page.items) ?? [];
  const items = filterRunners(all, show, q);
  const shown = all.find(({ name }) => name === opened);
  return (
    <Page
      title="Runners"
      description={sentenceOf(all, !runners.hasNextPage)}
      actions={
        <WriteButton needs="admin" variant="primary" onClick={() => void setAdding(true)}>
          <Plus aria-hidden />
          Add a runner
        </WriteButton>
      }
    >
      <div className="space-y-4">
        {all.length > 0 ? (
          <search className="flex flex-wrap gap-2">
            <Input
              type="search"
              aria-label="Find a runner by name or label"
              placeholder="Name or label, such as zone=a"
              className="w-full sm:w-64"
              value={q}
              onChange={(event) => void setFilters({ q: event.target.value || null })}
            />
            <Select
              aria-label="Show"
              className="w-full sm:w-40"
              options={SHOW_OPTIONS}
              value={show}
              onChange={(event) =>
                void setFilters({ show: SHOW.find((value) => value === event.target.value) ?? null })
              }
            />
          </search>
        ) : null}
        <Panel flush>
          {runners.isPending ? <SkeletonRows rows={4} /> : null}
          {runners.isError && !runners.data ? (
            <ErrorState error={runners.error} onRetry={() => void runners.refetch()} />
          ) : null}
          {runners.isSuccess && all.length === 0 ? (
            <EmptyState icon={Cpu} title="No runner yet" cli="quorate token create --kind runner">
              Mint a runner token and run its command on any host. Core nodes run work themselves with workers.enabled:
              true.
            </EmptyState>
          ) : null}
          {all.length > 0 && items.length === 0 ? (
            <EmptyState
              icon={SearchX}
              title="No runner matches"
              cli="quorate runner list"
              action={<Button onClick={() => void setFilters({ q: null, show: null })}>Show all runners</Button>}
            />
          ) : null}
          {items.length > 0 ? (
            <RunnerList runners={items} actions={{ open: ({ name }) => void setOpened(name), remove: setRemoving }} />
          ) : null}
          <MoreButton query={runners} />
        </Panel>
      </div>
      {adding ? <MintDialog kind="runner" onClose={() => void setAdding(null)} /> : null}
      {removing ? <RemoveRunnerDialog runner={removing} onClose={() => setRemoving(null)} /> : null}
      {shown ? <RunnerDialog runner={shown} onClose={() => void setOpened(null)} /> : null}
    </Page>
  );
}
