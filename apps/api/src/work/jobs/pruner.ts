import { FINAL_JOB_STATES } from '@quorate/shared/jobs';
import type { StateDb } from '../../db/state-store';
import type { Reconciler } from '../../reconcile/driver';
import type { Proposer } from '../../replication/proposer';
import { systemProposal } from '../proposal';
import { excessOf, pruneJobs } from './commands';

export interface PrunerDeps {
  readonly db: () => StateDb;
  readonly propose: Proposer['propose'];
  readonly nodeId: number;
  readonly isLeader: () => boolean;
}

/** More than jobs end between two runs. */
const PRUNED_AT_ONCE = 2_000;
const MAX_ROUNDS = 10;

/** On the leader: keeps the jobs that are over at their bounds. Counting them with each that ends would slow that down. */
export function createJobPruner({ db, propose, nodeId, isLeader }: PrunerDeps): Reconciler {
  const isOver = (): boolean => FINAL_JOB_STATES.some((state) => excessOf(db(), state) > 0);
  return {
    name: 'job retention',
    intervalMs: 5_000,
    async run() {
      for (let round = 0; round < MAX_ROUNDS && isLeader() && isOver(); round += 1)
        await propose(pruneJobs, { limit: PRUNED_AT_ONCE }, systemProposal(nodeId));
    },
  };
}
