import { nodeId } from '@quorate/shared/names';
import { and, eq, ne } from 'drizzle-orm';
import { z } from 'zod';
import { defineCommand } from '../../commands/define-command';
import { failovers, leadershipTerms } from '../leadership/table';
import { liveMembers } from '../members/admission';
import { findMember } from '../members/commands';
import { members } from '../members/table';

/** First entry of a cluster that was made anew from one survivor: every other member is out, and stays out. */
export const recoverCluster = defineCommand({
  type: 'cluster.recover',
  since: 1,
  input: z.object({
    nodeId,
    epoch: z.int().positive(),
    /** Where the state came from, for the record. */
    source: z.string().max(512),
  }),
  target: (input) => `node ${input.nodeId}`,
  apply(tx, input, ctx) {
    const own = findMember(tx, input.nodeId);
    const lost = liveMembers(tx).filter((member) => member.id !== own.id);
    tx.update(members)
      .set({ state: 'removed', removedAt: ctx.at, stageAt: ctx.at })
      .where(and(ne(members.id, own.id), ne(members.state, 'removed')))
      .run();
    tx.update(members).set({ state: 'voter', drainedAt: null }).where(eq(members.id, own.id)).run();
    // The new Raft cluster counts its terms from one again.
    tx.delete(leadershipTerms).run();
    tx.delete(failovers).run();
    const names = lost.map((member) => `${member.name} (node ${member.id})`).join(', ') || 'nobody';
    const message = `${own.name} (node ${own.id}) goes on alone from ${input.source}; removed: ${names}; epoch ${input.epoch} begins`;
    ctx.event('cluster.recovered', message, {
      node: own.id,
      epoch: input.epoch,
      removed: lost.map((member) => member.id),
    });
    for (const member of lost) {
      ctx.event('member.removed', `${member.name} (node ${member.id}) was removed: the cluster was recovered`, {
        node: member.id,
      });
    }
    ctx.event('members.changed', `the voters are now ${own.id}`, { voters: [own.id] });
    return { removed: lost.map((member) => member.id) };
  },
});

export const recoveryCommands = [recoverCluster];
