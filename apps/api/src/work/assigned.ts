import type { AssignedWork, JobReport, ReplicaReport } from '@quorate/shared/runner-protocol';
import { DomainError } from '../commands/domain-error';
import type { StateDb } from '../db/state-store';
import type { Logger } from '../lib/logger';
import type { Proposer } from '../replication/proposer';
import { finishedJob, startedJob } from './jobs/commands';
import { jobsOf } from './jobs/queries';
import { systemProposal } from './proposal';
import { recordPlacements } from './services/placement/commands';
import { assignedReplicas } from './services/queries';

/** What a runner is to have, by the state at log index `index`. */
export const assignedWork = (db: StateDb, runnerId: string, index: number): AssignedWork => ({
  index,
  jobs: jobsOf(db, runnerId).map(({ id, attempt, spec, cancelRequested }) => ({
    id,
    attempt,
    spec,
    cancel: cancelRequested,
  })),
  replicas: assignedReplicas(db, runnerId),
});

/** What the log says to a report for good: nobody is to repeat it. */
const FINAL = new Set(['conflict', 'not_found']);

export interface ReportDeps {
  readonly nodeId: number;
  readonly propose: Proposer['propose'];
  readonly logger: Logger;
}

/** Writes down what a runner says came of an attempt, once however often it says so. @throws DomainError no_quorum, … : try again */
export async function recordReport(deps: ReportDeps, runnerId: string, what: JobReport): Promise<void> {
  const of = { id: what.id, attempt: what.attempt, runnerId };
  const options = { ...systemProposal(deps.nodeId), id: `job-${what.id}-${what.attempt}-${what.step}` };
  try {
    if (what.step === 'started') await deps.propose(startedJob, of, options);
    else await deps.propose(finishedJob, { ...of, ...what.end }, options);
  } catch (error) {
    if (!(error instanceof DomainError && FINAL.has(error.code))) throw error;
    deps.logger.warn({ job: what.id, attempt: what.attempt, err: error }, 'what came of a job does not count any more');
  }
}

/** Writes down how the replicas of a runner fare, as far as that is news. @throws DomainError no_quorum, … : try again */
export async function recordReplicas(
  deps: ReportDeps,
  runnerId: string,
  reports: readonly ReplicaReport[],
): Promise<void> {
  await deps.propose(recordPlacements, { runnerId, reports: [...reports] }, systemProposal(deps.nodeId));
}
