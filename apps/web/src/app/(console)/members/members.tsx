'use client';

import type { Member } from '@quorate/shared/cluster';
import { useQuery } from '@tanstack/react-query';
import { Plus } from 'lucide-react';
import { useRouter } from 'next/navigation';
import { useState } from 'react';
import { ListFilter, NoMatch, useListFilter } from '@/components/list-filter';
import { ListStates } from '@/components/list-states';
import { Page } from '@/components/page';
import { Panel } from '@/components/ui/panel';
import { WriteButton } from '@/components/write-button';
import { clusterQuery, joinsQuery } from '@/lib/queries';
import { MintDialog } from '../join-tokens/mint-dialog';
import { JoinsPanel } from '../overview/joins-panel';
import { AddWaitingDialog } from './add-waiting-dialog';
import { filterMembers, SHOW } from './filter';
import { LeadershipDialog } from './leadership-dialog';
import { MemberList } from './member-list';
import { QuorumTable } from './quorum-table';
import { RemoveDialog } from './remove-dialog';

const SHOW_OPTIONS = [
  { value: 'all', label: 'All members' },
  { value: 'voters', label: 'Voters' },
  { value: 'learners', label: 'Learners and joining' },
  { value: 'problems', label: 'With problems' },
] as const;

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
  const filter = useListFilter(SHOW);
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
  const members = filterMembers(all, filter.show, filter.q);
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
        <ListFilter
          filter={filter}
          options={SHOW_OPTIONS}
          label="Find a member by name or address"
          placeholder="Name or address"
        />
        <Panel flush>
          <ListStates
            query={cluster}
            count={members.length}
            rows={3}
            empty={<NoMatch what="member" cli="quorate cluster members" onClear={filter.clear} />}
          >
            <MemberList members={members} actions={actions} />
          </ListStates>
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
