import { eq } from 'drizzle-orm';
import { z } from 'zod';
import { defineCommand } from '../../commands/define-command';
import { findMember } from './commands';
import { members } from './table';

/** A voter that has lost its journal has no vote until it has caught up again. */
export const demoteMember = defineCommand({
  type: 'members.demote',
  since: 1,
  audited: false,
  input: z.object({ id: z.int().min(1).max(63) }),
  target: (input) => String(input.id),
  apply(tx, input, ctx) {
    const member = findMember(tx, input.id);
    if (member.state !== 'voter') return { changed: false };
    tx.update(members).set({ state: 'learner', stageAt: ctx.at }).where(eq(members.id, member.id)).run();
    const what = `${member.name} (node ${member.id}) has lost its journal and catches up as a learner`;
    ctx.event('member.learner', what, { node: member.id });
    ctx.event('members.changed', what, { node: member.id });
    return { changed: true };
  },
});
