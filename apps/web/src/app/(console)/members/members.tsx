'use client';

import type { Member } from '@quorate/shared/cluster';
import { useQuery } from '@tanstack/react-query';
import { Plus, SearchX } from 'lucide-react';
import { useRouter } from 'next/navigation';
import { parseAsString, parseAsStringLiteral, useQueryStates } from 'nuqs';
import { useState } from 'react';
import { Page } from '@/components/page';
import { EmptyState, ErrorState } from '@/components/states';
import { Button } from '@/components/ui/button';
import { Input } from '@/components/ui/field';
import { Panel } from '@/components/ui/panel';
import { Select } from '@/components/ui/select';
import { SkeletonRows } from '@/components/ui/skeleton';
import { WriteButton } from '@/components/write-button';
import { clusterQuery, joinsQuery } from '@/lib/queries';
import { MintDialog } from '../join-tokens/mint-dialog';
import { JoinsPanel } from '../overview/joins-panel';
import { AddWaitingDialog } from './add-waiting-dialog';
import { filterMembers, SHOW } from './filter';
import { LeadershipDialog } from './leadership-dialog';
import { MemberCards } from './member-cards';
import { MemberTable } from './member-table';
import { QuorumTable } from './quorum-table';
import { RemoveDialog } from './remove-dialog';

const SHOW_OPTIONS = [
  { value: 'all', label: 'All members' },
  { value: 'voters', label: 'Voters' },
  { value: 'learners', label: 'Learners and joining' },
  { value: 'problems', label: 'With problems' },
] as const;

const FILTERS = { q: parseAsString.withDefault(''), show: parseAsStringLiteral(SHOW).withDefault('all') };

/** What the operator is about to do to a member. */
export interface MemberActions {
  remove: (member: Member) => void;
  replace: (member: Member) => void;
  lead: (member: Member) => void;
}

export function Members() {
  const router = useRouter();
  const cluster = useQuery(clusterQuery);
  const joins = useQuery(joinsQuery);
  const [{ q, show }, setFilters] = useQueryStates(FILTERS);
  const [removing, setRemoving] = useState<{ member: Member; replace: boolean } | null>(null);
  const [replacing, setReplacing] = useState<Member | null>(null);
  const [leading, setLeading] = useState<Member | null>(null);
  const [adding, setAdding] = useState(false);
  const actions: MemberActions = {
    remove: (member) => setRemoving({ member, replace: false }),
    replace: (member) => setRemoving({ member, replace: true }),
    lead: setLeading,
  };
  const all = cluster.data?.members ?? [];
  const members = filterMembers(all, show, q);
  return (
    <Page
      title="Members"
      description={cluster.data?.quorum.sentence}
      actions={
        <>
          <WriteButton needs="admin" onClick={() => setAdding(true)}>
            Add a waiting node
          </WriteButton>
          <WriteButton needs="admin" variant="primary" onClick={() => router.push('/join-tokens?mint=true')}>
            <Plus aria-hidden />
            Add a member
          </WriteButton>
        </>
      }
    >
      <div className="space-y-4">
        <JoinsPanel joins={joins.data?.items ?? []} />
        <search className="flex flex-wrap gap-2">
          <Input
            type="search"
            aria-label="Find a member by name or address"
            placeholder="Name or address"
            className="w-full sm:w-56"
            value={q}
            onChange={(event) => void setFilters({ q: event.target.value || null })}
          />
          <Select
            aria-label="Show"
            className="w-full sm:w-48"
            options={SHOW_OPTIONS}
            value={show}
            onChange={(event) => void setFilters({ show: SHOW.find((value) => value === event.target.value) ?? null })}
          />
        </search>
        <Panel flush>
          {cluster.isPending ? <SkeletonRows rows={3} /> : null}
          {!cluster.data && cluster.isError ? (
            <ErrorState error={cluster.error} onRetry={() => void cluster.refetch()} />
          ) : null}
          {cluster.data && members.length === 0 ? (
            <EmptyState
              icon={SearchX}
              title="No member matches"
              cli="quorate cluster members"
              action={<Button onClick={() => void setFilters({ q: null, show: null })}>Show all members</Button>}
            />
          ) : null}
          {members.length > 0 ? (
            <>
              <MemberTable members={members} actions={actions} />
              <MemberCards members={members} actions={actions} />
            </>
          ) : null}
        </Panel>
        {cluster.data ? <QuorumTable quorum={cluster.data.quorum} /> : null}
      </div>
      {adding ? <AddWaitingDialog onClose={() => setAdding(false)} /> : null}
      {removing ? (
        <RemoveDialog
          member={removing.member}
          onClose={() => setRemoving(null)}
          onReplace={removing.replace ? setReplacing : undefined}
        />
      ) : null}
      {replacing ? <MintDialog replaces={replacing} onClose={() => setReplacing(null)} /> : null}
      {leading ? <LeadershipDialog member={leading} onClose={() => setLeading(null)} /> : null}
    </Page>
  );
}
