import { join } from 'node:path';
import type { JobReport, OutputChunk, OutputRange, ReplicaReport } from '@quorate/shared/runner-protocol';
import type { StateDb } from '../db/state-store';
import { uuidv7 } from '../lib/ids';
import type { Logger } from '../lib/logger';
import type { Reconciler } from '../reconcile/driver';
import type { Applier } from '../replication/applier';
import type { Proposer } from '../replication/proposer';
import { embeddedRunner, registerEmbedded, removeRunner } from '../resources/runners/commands';
import { type Agent, bootId, createAgent } from './agent/agent';
import { createReplicas } from './agent/replicas/replicas';
import { assignedWork, recordReplicas, recordReports } from './assigned';
import { LEASE_MS } from './lease';
import { systemProposal } from './proposal';

export interface EmbeddedDeps {
  readonly dataDir: string;
  readonly node: { readonly id: number; readonly name: string };
  readonly workers: { readonly enabled: boolean; readonly concurrency: number };
  readonly version: string;
  /** Host that others reach this node at. */
  readonly host: string;
  readonly db: () => StateDb;
  readonly applier: Applier;
  readonly propose: Proposer['propose'];
  readonly quorumHeld: () => boolean;
  /** This node is no member of the cluster any more: what it ran is another's now. */
  readonly removed: () => boolean;
  readonly logger: Logger;
}

/** The runner inside a core node: connected to that core alone, so its lease is the quorum that the core has. */
export interface EmbeddedRunner extends Reconciler {
  readonly agent: Agent;
  /** Output of a job's attempt or of a replica that is here. */
  output(range: OutputRange): Promise<OutputChunk | undefined>;
  stop(): Promise<void>;
}

export function createEmbeddedRunner(deps: EmbeddedDeps): EmbeddedRunner {
  const { node, workers, db, applier, propose, logger } = deps;
  let heldAt = performance.now();
  const leaseHeld = (): boolean => performance.now() - heldAt < LEASE_MS;
  let runnerId: string | undefined;
  let scheduled = false;
  /** Once the leader has called it offline, its lease ends: its work is about to be given away. */
  let online = true;
  let stopped = false;

  const dir = join(deps.dataDir, 'work');
  const agent = createAgent({ dir, logger, report, leaseHeld });
  const replicas = createReplicas({ dir: join(dir, 'replicas'), bootId: bootId(), logger, report: reportReplicas });

  async function reportReplicas(reports: ReplicaReport[]): Promise<void> {
    if (runnerId === undefined) throw new Error('this runner is not registered yet');
    await recordReplicas({ nodeId: node.id, propose, logger }, runnerId, reports);
  }

  async function report(reports: JobReport[]): Promise<void> {
    if (runnerId === undefined) throw new Error('this runner is not registered yet');
    await recordReports({ nodeId: node.id, propose, logger }, runnerId, reports);
  }

  /** Once for all entries that are applied in a row. */
  function converge(): void {
    if (scheduled) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      if (stopped) return;
      const own = embeddedRunner(db(), node.id);
      runnerId = own?.id ?? runnerId;
      online = own?.status === 'online';
      const { index } = applier.position;
      const work = runnerId === undefined ? { index, jobs: [], replicas: [] } : assignedWork(db(), runnerId, index);
      if (runnerId !== undefined) agent.assign(work);
      // Without a quorum the state may be old: what it says may run elsewhere by now.
      if (!deps.quorumHeld() || (runnerId === undefined && workers.enabled)) return;
      replicas.assign({ owner: runnerId ?? 'nobody', index, replicas: work.replicas });
    });
  }
  const unsubscribe = applier.onApplied(converge);

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
    if (!same) await propose(registerEmbedded, { id: uuidv7(), ...own }, systemProposal(node.id));
  }

  return {
    name: 'embedded runner',
    intervalMs: 500,
    agent,
    output: (range) => ('service' in range ? replicas.output(range) : agent.output(range)),
    async run() {
      if (deps.removed()) await replicas.stopAll();
      if (deps.quorumHeld() && online) heldAt = performance.now();
      else if (!leaseHeld()) agent.loseLease();
      if (deps.quorumHeld()) await register();
      converge();
    },
    async stop() {
      stopped = true;
      unsubscribe();
      await Promise.all([agent.stop(), deps.removed() ? replicas.stopAll() : replicas.leave()]);
    },
  };
}
