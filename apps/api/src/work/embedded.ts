import { join } from 'node:path';
import type { JobReport, MetricsBatch, OutputChunk, OutputRange, ReplicaReport } from '@quorate/shared/runner-protocol';
import type { StateDb } from '../db/state-store';
import type { Clock } from '../lib/clock';
import { uuidv7 } from '../lib/ids';
import type { Logger } from '../lib/logger';
import type { ProgramUser } from '../lib/program-user';
import type { Reconciler } from '../reconcile/driver';
import type { Applier } from '../replication/applier';
import type { Proposer } from '../replication/proposer';
import { embeddedRunner, noteRunnerProblem, registerEmbedded, removeRunner } from '../resources/runners/commands';
import { type Agent, bootId, createAgent } from './agent/agent';
import { createMeasure } from './agent/measure';
import { createReplicas } from './agent/replicas/replicas';
import { createSpawner } from './agent/spawner';
import { assignedWork, recordReplicas, recordReports } from './assigned';
import type { ChangedRunners } from './changes';
import { LEASE_MS, PROOF_MAX_AGE_MS, SAMPLE_MS } from './lease';
import type { MeasuredStore } from './measured/store';
import { systemProposal } from './proposal';

export interface EmbeddedDeps {
  readonly dataDir: string;
  readonly node: { readonly id: number; readonly name: string };
  readonly workers: { readonly enabled: boolean; readonly concurrency: number; readonly stop_services: boolean };
  /** Whom programs run as; undefined = as this process. */
  readonly user: ProgramUser | undefined;
  readonly version: string;
  /** Host that others reach this node at. */
  readonly host: string;
  readonly db: () => StateDb;
  readonly applier: Applier;
  readonly propose: Proposer['propose'];
  readonly quorumHeld: () => boolean;
  /** This node is no member of the cluster any more: what it ran is another's now. */
  readonly removed: () => boolean;
  /** Everything that was committed before this time (performance.now()) is applied here. */
  readonly provenAt: () => number;
  readonly measured: MeasuredStore;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The runner inside a core node: connected to that core alone, so its lease is the quorum that the core has. */
export interface EmbeddedRunner extends Reconciler {
  readonly agent: Agent;
  /** What these are to have may have changed. */
  changed(runners: ChangedRunners): void;
  /** Whether that is this runner. */
  isOwn(id: string): boolean;
  /** Output of a job's attempt or of a replica that is here. */
  output(range: OutputRange): Promise<OutputChunk | undefined>;
  /** What it measured last. */
  measuredLast(): { id: string; batch: MetricsBatch } | null;
  stop(): Promise<void>;
}

export function createEmbeddedRunner(deps: EmbeddedDeps): EmbeddedRunner {
  const { node, workers, user, db, applier, propose, logger } = deps;
  let heldAt = Number.NEGATIVE_INFINITY;
  const leaseHeld = (): boolean => performance.now() - heldAt < LEASE_MS;
  let runnerId: string | undefined;
  let stopped = false;

  const dir = join(deps.dataDir, 'work');
  const spawner = createSpawner({ leaseEndsAt: () => heldAt + LEASE_MS, user, logger });
  const agent = createAgent({ dir, spawner, user, logger, report, leaseHeld });
  const replicas = createReplicas({
    ...{ dir: join(dir, 'replicas'), bootId: bootId(), spawner, user, logger, report: reportReplicas },
  });

  async function reportReplicas(reports: ReplicaReport[]): Promise<void> {
    if (runnerId === undefined) throw new Error('this runner is not registered yet');
    await recordReplicas({ nodeId: node.id, propose, logger }, runnerId, reports);
  }

  const measure = createMeasure(
    () => [...agent.programs(), ...replicas.running().map((one) => ({ kind: 'replica' as const, ...one }))],
    deps.clock,
  );
  let seq = Math.floor(deps.clock() / 1000);
  let last: { id: string; batch: MetricsBatch } | null = null;
  /** This core alone exposes what it measures; the others hear of it in the status that nodes exchange. */
  const sampling = setInterval(() => {
    if (runnerId === undefined || stopped) return;
    seq += 1;
    last = { id: runnerId, batch: { seq, ...measure() } };
    deps.measured.take(runnerId, last.batch, { isElsewhere: false, stamp: performance.now() });
  }, SAMPLE_MS);

  async function report(reports: JobReport[]): Promise<void> {
    if (runnerId === undefined) throw new Error('this runner is not registered yet');
    await recordReports({ nodeId: node.id, propose, logger }, runnerId, reports);
  }

  function converge(): void {
    if (stopped) return;
    const own = embeddedRunner(db(), node.id);
    runnerId = own?.id ?? runnerId;
    const { index } = applier.position;
    const work = runnerId === undefined ? { index, jobs: [], replicas: [] } : assignedWork(db(), runnerId, index);
    // Without a quorum the state is old before long: what it says may run elsewhere by now.
    const isOld = performance.now() - deps.provenAt() > PROOF_MAX_AGE_MS;
    if (runnerId !== undefined && !(isOld && agent.unsure)) agent.assign(work);
    if (isOld || (runnerId === undefined && workers.enabled)) return;
    replicas.assign({ owner: runnerId ?? 'nobody', index, replicas: work.replicas });
  }

  /** Says what it is, where the state says otherwise. */
  async function register(): Promise<void> {
    const known = embeddedRunner(db(), node.id);
    const { version, host: address } = deps;
    const own = { version, address, name: node.name, labels: { node: node.name }, capacity: workers.concurrency };
    if (!workers.enabled) {
      if (known) await propose(removeRunner, { id: known.id }, systemProposal(node.id));
      return;
    }
    const same =
      known?.name === own.name &&
      known.capacity === own.capacity &&
      known.version === own.version &&
      known.address === own.address &&
      known.labels['node'] === node.name;
    if (known && known.problem !== agent.problem) {
      await propose(noteRunnerProblem, { id: known.id, problem: agent.problem }, systemProposal(node.id));
    }
    if (!same) await propose(registerEmbedded, { id: uuidv7(), ...own }, systemProposal(node.id));
  }

  return {
    name: 'embedded runner',
    intervalMs: 500,
    agent,
    changed(changed) {
      if (changed === 'all' || runnerId === undefined || changed.has(runnerId)) converge();
    },
    isOwn: (id) => id === runnerId,
    output: (range) => ('service' in range ? replicas.output(range) : agent.output(range)),
    measuredLast: () => last,
    async run() {
      if (deps.removed()) await replicas.stopAll();
      // As of then the state that says "online" was not old: a leader that called it offline since waits for the lease.
      const isOnline = embeddedRunner(db(), node.id)?.status === 'online';
      if (isOnline) heldAt = Math.max(heldAt, deps.provenAt());
      if (!leaseHeld()) agent.loseLease();
      if (deps.quorumHeld()) await register();
      converge();
    },
    async stop() {
      stopped = true;
      clearInterval(sampling);
      await Promise.all([
        agent.stop(),
        deps.removed() || workers.stop_services ? replicas.stopAll() : replicas.leave(),
      ]);
      spawner.stop();
    },
  };
}
