import type { MetricsBatch } from '@quorate/shared/runner-protocol';
import { and, eq } from 'drizzle-orm';
import type { Registry } from 'prom-client';
import type { StateDb } from '../db/state-store';
import type { Endpoint } from '../http/endpoint';
import type { Clock } from '../lib/clock';
import type { Logger } from '../lib/logger';
import type { ProgramUser } from '../lib/program-user';
import { startReconciler } from '../reconcile/driver';
import type { JobKind } from '../reconcile/job-kind';
import type { Applier } from '../replication/applier';
import type { Proposer } from '../replication/proposer';
import { type RunnerSight, runnerEndpoints } from '../resources/runners/routes';
import { type RunnerRow, runners } from '../resources/runners/table';
import { createAssigner } from './assigner';
import { watchChanges } from './changes';
import { createEmbeddedRunner } from './embedded';
import { createFreshness } from './freshness';
import type { HaCommands } from './ha/commands';
import type { HaNodeControl } from './ha/nodes';
import { haEndpoints } from './ha/routes';
import { createHaUpdater } from './ha/updater';
import { createRunnerHub, type HubDeps, type RunnerHub } from './hub';
import { createCoreRunner } from './jobs/core-runner';
import { createJobPruner } from './jobs/pruner';
import { jobsOf } from './jobs/queries';
import { jobEndpoints } from './jobs/routes';
import { createScheduleRunner } from './jobs/schedules/runner';
import { registerMeasured } from './measured/prometheus';
import { createMeasuredStore } from './measured/store';
import { createUsageView, type UsageView } from './measured/usage-view';
import { createObserver } from './observer';
import { createOutput, type OutputElsewhere } from './output';
import { createAutoscaler } from './services/autoscaler';
import { restartJobs } from './services/job-kind';
import { startPlanner } from './services/planner';
import { countReplicas } from './services/queries';
import { serviceEndpoints } from './services/routes';

export interface WorkDeps {
  readonly dataDir: string;
  readonly node: { readonly id: number; readonly name: string };
  readonly workers: { readonly enabled: boolean; readonly concurrency: number; readonly stop_services: boolean };
  /** Whom jobs and replicas run as; undefined = as this process. */
  readonly user: ProgramUser | undefined;
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
  /** Resolves once this node has applied all that the cluster had acknowledged. */
  readonly barrier: () => Promise<unknown>;
  /** When this node last heard of a core node, ms; null = never. */
  readonly nodeSeenAt: (nodeId: number) => number | null;
  readonly runners: {
    heardAt(runnerId: string): number | null;
    heardBy(runnerId: string): readonly number[];
    /** What the runners inside other core nodes measured last. */
    embeddedElsewhere(): readonly { readonly id: string; readonly batch: MetricsBatch }[];
    trust: HubDeps['trust'];
    renewCertificate: HubDeps['renewCertificate'];
    attach(
      service: Pick<RunnerHub, 'connect' | 'heard'> & { embedded(): { id: string; batch: MetricsBatch } | null },
    ): void;
  };
  readonly outputs: OutputElsewhere;
  /** Core nodes that are not removed. */
  readonly cores: () => readonly { readonly id: number; readonly clusterAddress: string }[];
  readonly metrics: Registry;
  /** Kinds of jobs that the cluster does itself. */
  readonly jobKinds: readonly JobKind[];
  readonly ha: { readonly control: HaNodeControl; readonly commands: HaCommands };
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What the cluster runs for its operators, as far as this core node has to do with it. */
export interface Work {
  /** `stopping`: ends the streams. */
  endpoints(stopping: AbortSignal): readonly Endpoint[];
  /** What runners measured last, of every runner that any core hears of. */
  readonly usage: UsageView;
  stop(): Promise<void>;
}

const isActive = (id: string) => and(eq(runners.id, id), eq(runners.state, 'active'));

export function startWork(deps: WorkDeps): Work {
  const { node, clock, nodeSeenAt, logger } = deps;
  const lastHeard = (runner: RunnerRow): number | null =>
    runner.nodeId === null ? deps.runners.heardAt(runner.id) : nodeSeenAt(runner.nodeId);
  const measured = createMeasuredStore();
  const usage = createUsageView(function* () {
    for (const runnerId of measured.known()) {
      const batch = measured.latest(runnerId);
      if (batch) yield { runnerId, batch };
    }
    for (const { id: runnerId, batch } of deps.runners.embeddedElsewhere()) yield { runnerId, batch };
  });
  const freshness = createFreshness(deps.barrier);
  const addresses = (): string[] => deps.cores().map(({ clusterAddress }) => clusterAddress);
  const isCore = (nodeId: number): boolean => deps.cores().some(({ id }) => id === nodeId);
  const common = { ...deps, nodeId: node.id, cores: addresses, isCore, measured, provenAt: freshness.provenAt };
  const embedded = createEmbeddedRunner(common);
  const assigning = startReconciler(createAssigner(common), logger);
  const coreJobs = startReconciler(createCoreRunner({ ...common, kinds: [...deps.jobKinds, restartJobs] }), logger);
  const others = [
    createObserver({ ...common, lastHeard }),
    embedded,
    freshness,
    createScheduleRunner(common),
    createJobPruner(common),
    createHaUpdater({ ...common, ...deps.ha }),
    createAutoscaler({ ...common, usage: (service) => usage.replicas(service) }),
  ].map((one) => startReconciler(one, logger));
  const planning = startPlanner(common);
  // What they wait for may be in any entry.
  const unsubscribe = deps.applier.onApplied(coreJobs.trigger);
  const hub = createRunnerHub({
    ...common,
    trust: deps.runners.trust,
    renewCertificate: deps.runners.renewCertificate,
  });
  const unwatch = watchChanges(deps, ({ runners: changed, placing }) => {
    if (changed === 'all' || changed.size > 0) {
      embedded.changed(changed);
      hub.changed(changed);
    }
    if (!placing) return;
    planning.trigger();
    assigning.trigger();
  });
  deps.runners.attach({ connect: hub.connect, heard: hub.heard, embedded: embedded.measuredLast });
  const { heardBy } = deps.runners;
  const output = createOutput({ ...common, hub, embedded, elsewhere: deps.outputs, heardBy });
  registerMeasured(deps.metrics, {
    exported: measured.exported,
    exportedBatches: () => measured.exportedBatches,
    connected: () => hub.connected,
    nameOf: (id) => deps.db().select({ name: runners.name }).from(runners).where(isActive(id)).get()?.name,
  });
  function sight(runner: RunnerRow): RunnerSight {
    const seen = hub.seen(runner.id);
    const latest = usage.latest(runner.id);
    return {
      replicas: countReplicas(deps.db(), runner.id),
      jobs: jobsOf(deps.db(), runner.id).length,
      cpuPercent: latest?.host.cpu_percent ?? seen?.cpuPercent ?? null,
      memoryPercent: latest?.host.memory_percent ?? seen?.memoryPercent ?? null,
      latest,
      connectedTo: runner.nodeId === null ? deps.runners.heardBy(runner.id) : [runner.nodeId],
    };
  }
  return {
    usage,
    endpoints: (stopping) => [
      ...jobEndpoints({ clock, logs: output.logs, stopping }),
      ...serviceEndpoints({ clock, logs: output.replicaLogs, stopping }),
      ...haEndpoints({ clock, commands: deps.ha.commands, nodes: deps.ha.control.nodes }),
      ...runnerEndpoints({ sight }),
    ],
    async stop() {
      unsubscribe();
      unwatch();
      output.stop();
      hub.close();
      await embedded.stop();
      await Promise.all([assigning, planning, coreJobs, ...others].map((reconciler) => reconciler.stop()));
    },
  };
}
