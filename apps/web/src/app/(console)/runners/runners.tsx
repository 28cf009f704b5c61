'use client';

import type { Runner } from '@quorate/shared/runners';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Cpu, Plus } from 'lucide-react';
import { parseAsBoolean, parseAsString, useQueryState } from 'nuqs';
import { useState } from 'react';
import { ListFilter, NoMatch, useListFilter } from '@/components/list-filter';
import { ListStates } from '@/components/list-states';
import { Page } from '@/components/page';
import { EmptyState } from '@/components/states';
import { Panel } from '@/components/ui/panel';
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
  const filter = useListFilter(SHOW);
  const [adding, setAdding] = useQueryState('add', parseAsBoolean.withDefault(false));
  const [opened, setOpened] = useQueryState('runner', parseAsString);
  const [removing, setRemoving] = useState<Runner | null>(null);
  const runners = useInfiniteQuery(runnersQuery);
  const all = runners.data?.pages.flatMap((page) => page.items) ?? [];
  const items = filterRunners(all, filter.show, filter.q);
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
          <ListFilter
            filter={filter}
            options={SHOW_OPTIONS}
            label="Find a runner by name or label"
            placeholder="Name or label, such as zone=a"
          />
        ) : null}
        <Panel flush>
          <ListStates
            query={runners}
            count={items.length}
            empty={
              all.length > 0 ? (
                <NoMatch what="runner" cli="quorate runner list" onClear={filter.clear} />
              ) : (
                <EmptyState icon={Cpu} title="No runner yet" cli="quorate token create --kind runner">
                  Mint a runner token and run its command on any host. Core nodes run work themselves with
                  workers.enabled: true.
                </EmptyState>
              )
            }
          >
            <RunnerList runners={items} actions={{ open: ({ name }) => void setOpened(name), remove: setRemoving }} />
          </ListStates>
        </Panel>
      </div>
      {adding ? <MintDialog kind="runner" onClose={() => void setAdding(null)} /> : null}
      {removing ? <RemoveRunnerDialog runner={removing} onClose={() => setRemoving(null)} /> : null}
      {shown ? <RunnerDialog runner={shown} onClose={() => void setOpened(null)} /> : null}
    </Page>
  );
}
