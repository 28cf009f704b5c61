import type { StateDb } from '../db/state-store';
import type { Clock } from '../lib/clock';
import type { Reconciler } from '../reconcile/driver';
import type { Proposer } from '../replication/proposer';
import { assignWaiting } from './jobs/commands';
import { runnerLoads, waitingJobs } from './jobs/queries';
import { systemProposal } from './proposal';

const BATCH = 256;

export interface AssignerDeps {
  readonly db: () => StateDb;
  readonly propose: Proposer['propose'];
  readonly nodeId: number;
  readonly isLeader: () => boolean;
  readonly clock: Clock;
}

/** On the leader: gives jobs that wait to runners. What it proposes decides itself what is assigned, so a repetition is harmless. */
export function createAssigner(deps: AssignerDeps): Reconciler {
  const hasWork = (): boolean => {
    const loads = runnerLoads(deps.db());
    return waitingJobs(deps.db(), loads, { limit: 1, at: deps.clock() }).length > 0;
  };
  return {
    name: 'jobs',
    // Jobs come by signal; this is for those that wait for their time.
    intervalMs: 500,
    async run() {
      while (deps.isLeader() && hasWork()) {
        const { result } = await deps.propose(assignWaiting, { limit: BATCH }, systemProposal(deps.nodeId));
        if (result.assigned === 0) return;
      }
    },
  };
}
