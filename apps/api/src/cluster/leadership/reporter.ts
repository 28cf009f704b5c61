import type { Reconciler } from '../../reconcile/driver';
import type { Proposer } from '../../replication/proposer';
import { SYSTEM_ACTOR } from '../founding';
import type { Journal } from '../journal';
import { recordLeadership } from './commands';

/** The leader records its term, so that every node, now or later, can see who led when. */
export function createLeadershipReporter(deps: { nodeId: number; journal: Journal; proposer: Proposer }): Reconciler {
  let reported = 0;
  return {
    name: 'leadership',
    intervalMs: 250,
    async run() {
      const raft = deps.journal.raft?.current;
      if (!raft?.answered || raft.leaderId !== deps.nodeId || raft.term <= reported) return;
      const { nodeId } = deps;
      const { term } = raft;
      await deps.proposer.propose(
        recordLeadership,
        { nodeId, term },
        { actor: SYSTEM_ACTOR, id: `leader-${term}-${nodeId}` },
      );
      reported = term;
    },
  };
}
