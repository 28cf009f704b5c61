import type { AssignedWork, JobReport, ReplicaReport } from '@quorate/shared/runner-protocol';
import type { StateDb } from '../db/state-store';
import type { Logger } from '../lib/logger';
import type { Proposer } from '../replication/proposer';
import { reportJobs } from './jobs/commands';
import { execJobsOf } from './jobs/queries';
import { systemProposal } from './proposal';
import { recordPlacements } from './services/placement/commands';
import { assignedReplicas } from './services/queries';

/** What a runner is to have, by the state at log index `index`. */
export const assignedWork = (db: StateDb, runnerId: string, index: number): AssignedWork => ({
  index,
  jobs: execJobsOf(db, runnerId),
  replicas: assignedReplicas(db, runnerId),
});

export interface ReportDeps {
  readonly nodeId: number;
  readonly propose: Proposer['propose'];
  readonly logger: Logger;
}

/** Writes down what a runner says came of its attempts. A repetition is harmless. @throws DomainError no_quorum, … : try again */
export async function recordReports(deps: ReportDeps, runnerId: string, reports: JobReport[]): Promise<void> {
  const { result } = await deps.propose(reportJobs, { runnerId, reports }, systemProposal(deps.nodeId));
  const { refused } = result;
  if (refused.length > 0) deps.logger.debug({ runner: runnerId, refused }, 'reports of attempts that are over');
}

/** Writes down how the replicas of a runner fare, as far as that is news. @throws DomainError no_quorum, … : try again */
export async function recordReplicas(
  deps: ReportDeps,
  runnerId: string,
  reports: readonly ReplicaReport[],
): Promise<void> {
  await deps.propose(recordPlacements, { runnerId, reports: [...reports] }, systemProposal(deps.nodeId));
}
