'use client';

import { clusterRoutes, type Member } from '@quorate/shared/cluster';
import { useQuery } from '@tanstack/react-query';
import { CirclePause, CirclePlay, Crown, Replace, Trash2 } from 'lucide-react';
import { toast } from 'sonner';
import { Action, ActionsMenu } from '@/components/actions-menu';
import { useWriteBlock } from '@/lib/access';
import { asSentence } from '@/lib/format';
import { clusterQuery } from '@/lib/queries';
import { useWrite } from '@/lib/use-write';
import type { MemberActions } from './members';

/** Why this member cannot lead now, or null. */
function leadBlock(member: Member, external: boolean): string | null {
  if (external) return 'with an etcd of your own: drain the leader instead';
  if (member.leader) return 'leads already';
  if (member.drained) return 'is drained';
  if (member.suffrage !== 'voter') return 'only a voter can lead';
  return member.health === 'healthy' ? null : 'is not healthy';
}

export function MemberMenu({ member, actions }: { member: Member; actions: MemberActions }) {
  const block = useWriteBlock('admin');
  const blocked = block !== null;
  const cluster = useQuery(clusterQuery);
  const cannotLead = leadBlock(member, cluster.data?.external_etcd === true);
  const service = useService(member);
  return (
    <ActionsMenu name={member.name} block={block}>
      <Action icon={Crown} why={cannotLead} disabled={blocked} onSelect={() => actions.lead(member)}>
        Make leader
      </Action>
      <Action
        icon={member.drained ? CirclePlay : CirclePause}
        disabled={service.block !== null}
        onSelect={service.toggle}
      >
        {member.drained ? 'Put back into service' : 'Drain for maintenance'}
      </Action>
      <Action icon={Replace} disabled={blocked} onSelect={() => actions.replace(member)}>
        Replace by another host…
      </Action>
      <Action icon={Trash2} disabled={blocked} onSelect={() => actions.remove(member)}>
        Remove from the cluster…
      </Action>
    </ActionsMenu>
  );
}

/** Takes the member out of service or puts it back; can be undone, so it asks nothing. */
function useService(member: Member) {
  const block = useWriteBlock('operator');
  const options = (done: string) => ({
    refresh: ['cluster', 'haproxy'] as const,
    onSuccess: () => void toast.success(`${member.name} ${done}`),
    onError: (error: Error) =>
      void toast.error(`${member.name} stays as it was, or its state is unknown`, {
        description: asSentence(error.message),
      }),
  });
  const drain = useWrite(clusterRoutes.drainMember, options('is drained: it votes, and serves nobody'));
  const resume = useWrite(clusterRoutes.resumeMember, options('is back in service'));
  const toggle = () => (member.drained ? resume : drain).run({ params: { id: member.id } });
  return { block, toggle };
}
