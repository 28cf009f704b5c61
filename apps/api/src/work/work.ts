import type { StateDb } from '../db/state-store';
import type { Endpoint } from '../http/endpoint';
import type { Clock } from '../lib/clock';
import type { Logger } from '../lib/logger';
import { startReconciler } from '../reconcile/driver';
import type { JobKind } from '../reconcile/job-kind';
import type { Applier } from '../replication/applier';
import type { Proposer } from '../replication/proposer';
import { type RunnerSight, runnerEndpoints } from '../resources/runners/routes';
import type { RunnerRow } from '../resources/runners/table';
import { createAssigner } from './assigner';
import { createEmbeddedRunner } from './embedded';
import { createRunnerHub, type RunnerHub } from './hub';
import { createCoreRunner } from './jobs/core-runner';
import { createJobPruner } from './jobs/pruner';
import { jobsOf } from './jobs/queries';
import { jobEndpoints } from './jobs/routes';
import { createScheduleRunner } from './jobs/schedules/runner';
import { createObserver } from './observer';
import { createAutoscaler } from './services/autoscaler';
import { startPlanner } from './services/planner';
import { countReplicas } from './services/queries';
import { serviceEndpoints } from './services/routes';

export interface WorkDeps {
  readonly dataDir: string;
  readonly node: { readonly id: number; readonly name: string };
  readonly workers: { readonly enabled: boolean; readonly concurrency: number };
  readonly version: string;
  /** Host that others reach this node at. */
  readonly host: string;
  readonly db: () => StateDb;
  readonly applier: Applier;
  readonly propose: Proposer['propose'];
  /** This node leads, and has a quorum. */
  readonly isLeader: () => boolean;
  readonly quorumHeld: () => boolean;
  /** This node is no member of the cluster any more. */
  readonly removed: () => boolean;
  /** When this node last heard of a core node, ms; null = never. */
  readonly nodeSeenAt: (nodeId: number) => number | null;
  readonly runners: {
    heardAt(runnerId: string): number | null;
    heardBy(runnerId: string): readonly number[];
    attach(service: RunnerHub): void;
  };
  /** Cluster addresses of the core nodes. */
  readonly cores: () => readonly string[];
  /** Kinds of jobs that the cluster does itself. */
  readonly jobKinds: readonly JobKind[];
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What the cluster runs for its operators, as far as this core node has to do with it. */
export interface Work {
  readonly endpoints: readonly Endpoint[];
  stop(): Promise<void>;
}

export function startWork(deps: WorkDeps): Work {
  const { node, clock, nodeSeenAt, logger } = deps;
  const lastHeard = (runner: RunnerRow): number | null =>
    runner.nodeId === null ? deps.runners.heardAt(runner.id) : nodeSeenAt(runner.nodeId);
  const common = { ...deps, nodeId: node.id };
  const embedded = createEmbeddedRunner(deps);
  const assigning = startReconciler(createAssigner(common), logger);
  const coreJobs = startReconciler(createCoreRunner({ ...common, kinds: deps.jobKinds }), logger);
  const others = [
    createObserver({ ...common, lastHeard }),
    embedded,
    createScheduleRunner(common),
    createJobPruner(common),
    createAutoscaler({ ...common, usage: () => new Map() }),
  ].map((one) => startReconciler(one, logger));
  const planning = startPlanner(common);
  const unsubscribe = deps.applier.onApplied(() => {
    assigning.trigger();
    coreJobs.trigger();
    planning.trigger();
  });
  const hub = createRunnerHub(common);
  deps.runners.attach(hub);
  function sight(runner: RunnerRow): RunnerSight {
    const seen = hub.seen(runner.id);
    return {
      replicas: countReplicas(deps.db(), runner.id),
      jobs: jobsOf(deps.db(), runner.id).length,
      cpuPercent: seen?.cpuPercent ?? null,
      memoryPercent: seen?.memoryPercent ?? null,
      connectedTo: runner.nodeId === null ? deps.runners.heardBy(runner.id) : [runner.nodeId],
    };
  }
  return {
    endpoints: [...jobEndpoints({ clock }), ...serviceEndpoints(), ...runnerEndpoints({ sight })],
    async stop() {
      unsubscribe();
      hub.close();
      await embedded.stop();
      await Promise.all([assigning, planning, coreJobs, ...others].map((reconciler) => reconciler.stop()));
    },
  };
}
