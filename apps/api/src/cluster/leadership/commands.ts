import { nodeId } from '@quorate/shared/names';
import { desc, lt } from 'drizzle-orm';
import { z } from 'zod';
import { defineCommand } from '../../commands/define-command';
import { findMember } from '../members/commands';
import { leadershipTerms } from './table';

const KEPT_TERMS = 1_000;

/** A leader tells the cluster of its term. Older or known terms change nothing. */
export const recordLeadership = defineCommand({
  type: 'leadership.record',
  since: 1,
  audited: false,
  input: z.object({ nodeId, term: z.int().positive() }),
  apply(tx, input, ctx) {
    const last = tx.select().from(leadershipTerms).orderBy(desc(leadershipTerms.term)).limit(1).get();
    if (last && last.term >= input.term) return { recorded: false };
    const member = findMember(tx, input.nodeId);
    tx.insert(leadershipTerms)
      .values({ ...input, at: ctx.at })
      .run();
    tx.delete(leadershipTerms)
      .where(lt(leadershipTerms.term, input.term - KEPT_TERMS))
      .run();
    if (last && last.nodeId !== input.nodeId) {
      ctx.event('leadership.lost', `node ${last.nodeId} no longer leads (term ${last.term})`, {
        node: last.nodeId,
        term: last.term,
      });
    }
    ctx.event('leadership.gained', `${member.name} (node ${member.id}) leads in term ${input.term}`, {
      node: member.id,
      term: input.term,
    });
    return { recorded: true };
  },
});

/** First entry of a grown cluster's epoch. */
export const recordGrowth = defineCommand({
  type: 'epoch.start',
  since: 1,
  audited: false,
  input: z.object({ epoch: z.int().positive() }),
  apply(_tx, input, ctx) {
    ctx.event('cluster.grown', `node ${ctx.nodeId} runs on Raft now (epoch ${input.epoch}); nodes can join`, {
      epoch: input.epoch,
    });
  },
});

export const leadershipCommands = [recordLeadership, recordGrowth];
