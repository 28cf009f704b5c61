'use client';

import { clusterRoutes, type Member } from '@quorate/shared/cluster';
import { useQuery } from '@tanstack/react-query';
import { CirclePause, CirclePlay, Crown, Ellipsis, Replace, Trash2 } from 'lucide-react';
import { toast } from 'sonner';
import { Button } from '@/components/ui/button';
import { Menu, MenuItem, MenuLabel, MenuLine } from '@/components/ui/menu';
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
  const cluster = useQuery(clusterQuery);
  const cannotLead = leadBlock(member, cluster.data?.external_etcd === true);
  const service = useService(member);
  return (
    <Menu
      trigger={
        <Button variant="ghost" size="icon" className="size-7" aria-label={`Actions for ${member.name}`}>
          <Ellipsis aria-hidden />
        </Button>
      }
    >
      {block ? (
        <>
          <MenuLabel>{block}</MenuLabel>
          <MenuLine />
        </>
      ) : null}
      <MenuItem disabled={block !== null || cannotLead !== null} onSelect={() => actions.lead(member)}>
        <Crown aria-hidden />
        <span>
          Make leader
          {cannotLead ? <span className="block text-xs">{cannotLead}</span> : null}
        </span>
      </MenuItem>
      <MenuItem disabled={service.block !== null} onSelect={service.toggle}>
        {member.drained ? <CirclePlay aria-hidden /> : <CirclePause aria-hidden />}
        {member.drained ? 'Put back into service' : 'Drain for maintenance'}
      </MenuItem>
      <MenuItem disabled={block !== null} onSelect={() => actions.replace(member)}>
        <Replace aria-hidden />
        Replace by another host…
      </MenuItem>
      <MenuItem disabled={block !== null} onSelect={() => actions.remove(member)}>
        <Trash2 aria-hidden />
        Remove from the cluster…
      </MenuItem>
    </Menu>
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
