import { createHash } from 'node:crypto';
import { CORE_RUNNER } from '@quorate/shared/jobs';
import { DomainError } from '../../commands/domain-error';
import type { StateDb } from '../../db/state-store';
import type { Clock } from '../../lib/clock';
import type { Logger } from '../../lib/logger';
import type { Reconciler } from '../../reconcile/driver';
import type { CoreAttempt, CoreEnd, JobKind } from '../../reconcile/job-kind';
import type { Proposer } from '../../replication/proposer';
import { systemProposal } from '../proposal';
import { reportJobs, startCoreJobs } from './commands';
import { hasCoreJobs, jobsOf, waitingCoreJobs } from './queries';
import type { JobRow } from './table';

export interface CoreRunnerDeps {
  readonly db: () => StateDb;
  readonly propose: Proposer['propose'];
  readonly nodeId: number;
  readonly isLeader: () => boolean;
  /** One for each kind that is not executed by runners. */
  readonly kinds: readonly JobKind[];
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What the log says to a step for good. Anything else (no quorum, an unknown outcome) passes: the step is done again. */
const FINAL = new Set(['not_found', 'conflict', 'validation_failed', 'disk_space', 'autoscaling_enabled']);

/** The time of the job's id, and what else there is to tell. */
export function uuidOf(jobId: string, attempt: number, step: string): string {
  const tail = createHash('sha256').update(`${jobId}.${attempt}.${step}`).digest('hex').slice(0, 12);
  return jobId.slice(0, -12) + tail;
}

/** On the leader: does the jobs that no runner executes, a step at a time. */
export function createCoreRunner(deps: CoreRunnerDeps): Reconciler {
  const { db, nodeId, propose } = deps;
  const kinds = new Map(deps.kinds.map((kind) => [kind.kind, kind]));

  const attemptOf = (job: JobRow): CoreAttempt<never> => ({
    id: job.id,
    attempt: job.attempt,
    spec: job.spec as never,
    cancelRequested: job.cancelRequested,
    db: db(),
    nodeId,
    uuid: (step) => uuidOf(job.id, job.attempt, step),
    propose: async (command, input, step) => {
      const id = `job-${job.id}-${job.attempt}-${step}`;
      const { result } = await propose(command, input, { ...systemProposal(nodeId), id });
      return result;
    },
  });

  async function step(job: JobRow): Promise<CoreEnd | undefined> {
    const kind = kinds.get(job.kind);
    if (!kind) return { outcome: 'failed', error: `node ${nodeId} does not know jobs of kind ${job.kind}`, output: '' };
    try {
      return await kind.step(attemptOf(job));
    } catch (error) {
      if (!(error instanceof DomainError && FINAL.has(error.code))) throw error;
      return { outcome: 'failed', error: error.message, output: '' };
    }
  }

  async function advance(job: JobRow): Promise<void> {
    const end = await step(job);
    if (!end) return;
    const { output, ...rest } = end;
    const told = { exitCode: null, signal: null, outputTail: output, outputBytes: Buffer.byteLength(output) };
    const of = { id: job.id, attempt: job.attempt };
    const report = { ...of, step: 'finished' as const, began: true, end: { ...rest, ...told } };
    await propose(reportJobs, { runnerId: CORE_RUNNER, reports: [report] }, systemProposal(nodeId));
  }

  return {
    name: 'jobs of the cluster itself',
    intervalMs: 500,
    async run() {
      if (!deps.isLeader() || !hasCoreJobs(db())) return;
      if (waitingCoreJobs(db(), deps.clock()).length > 0) await propose(startCoreJobs, {}, systemProposal(nodeId));
      for (const job of jobsOf(db(), CORE_RUNNER)) {
        // One that fails to be told must not hold up the others.
        await advance(job).catch((error: unknown) =>
          deps.logger.warn({ err: error, job: job.id }, 'a job is tried again'),
        );
      }
    },
  };
}
