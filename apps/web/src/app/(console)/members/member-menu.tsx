'use client';

import type { Member } from '@quorate/shared/cluster';
import { Crown, Ellipsis, Trash2 } from 'lucide-react';
import { Button } from '@/components/ui/button';
import { Menu, MenuItem, MenuLabel, MenuLine } from '@/components/ui/menu';
import { useWriteBlock } from '@/lib/access';
import type { MemberActions } from './members';

/** Why this member cannot lead now, or null. */
function leadBlock(member: Member): string | null {
  if (member.leader) return 'leads already';
  if (member.suffrage !== 'voter') return 'only a voter can lead';
  return member.health === 'healthy' ? null : 'is not healthy';
}

export function MemberMenu({ member, actions }: { member: Member; actions: MemberActions }) {
  const block = useWriteBlock('admin');
  const cannotLead = leadBlock(member);
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
      <MenuItem disabled={block !== null} onSelect={() => actions.remove(member)}>
        <Trash2 aria-hidden />
        Remove from the cluster…
      </MenuItem>
    </Menu>
  );
}
