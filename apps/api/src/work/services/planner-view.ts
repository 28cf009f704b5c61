import type { ServiceSpec } from '@quorate/shared/services';
import { asc, eq, inArray, or } from 'drizzle-orm';
import type { StateDb } from '../../db/state-store';
import { type RunnerRow, runners } from '../../resources/runners/table';
import { haState } from '../ha/settings';
import { jobsByRunner } from '../jobs/queries';
import { endMsOf, movesAt } from './moves';
import type { Placement, PlanInput, PlannedRunner } from './plan';
import { allServices, currentSpec, desiredReplicas } from './queries';
import { isSettled, type RolledReplica, settleMs } from './rollout/judge';
import { type ReplicaRow, type ServiceRow, serviceReplicas } from './table';

/** What the planner looks at, at one moment. */
export interface PlannerView {
  readonly input: PlanInput;
  /** Services whose roll-out has not come to an end, with the replicas that have a place. */
  readonly rollouts: readonly {
    readonly service: ServiceRow;
    readonly spec: ServiceSpec;
    readonly desired: number;
    readonly replicas: readonly RolledReplica[];
  }[];
  /** When something is due that nobody will tell of, ms: a runner was offline for long enough, a replica healthy. */
  readonly dueAt: number;
}

const ROLLING: ReadonlySet<ServiceRow['rollout']> = new Set(['running', 'failed']);

/** @param now ms */
export function readPlannerView(db: StateDb, now: number): PlannerView {
  const ha = haState(db);
  const failoverMs = ha.failoverSeconds * 1000;
  const holders = db.select({ id: serviceReplicas.runnerId }).from(serviceReplicas);
  const isKnown = or(eq(runners.state, 'active'), inArray(runners.id, holders));
  const rows = db.select().from(runners).where(isKnown).orderBy(asc(runners.id)).all();
  const byId = new Map(rows.map((runner) => [runner.id, runner]));
  const replicas = db
    .select()
    .from(serviceReplicas)
    .orderBy(asc(serviceReplicas.service), asc(serviceReplicas.slot))
    .all();
  const specs = new Map<string, { service: ServiceRow; spec: ServiceSpec; desired: number }>();
  for (const service of allServices(db)) {
    specs.set(service.name, { service, spec: currentSpec(db, service), desired: desiredReplicas(service, ha) });
  }
  const onlineSince = ({ runnerId }: ReplicaRow): number | null => {
    const runner = byId.get(runnerId ?? '');
    return runner?.status === 'online' ? runner.statusSince : null;
  };
  /** It counts where the runner was removed only. */
  const ownEndMs = (row: ReplicaRow): number =>
    byId.get(row.runnerId ?? '')?.state === 'removed' ? endMsOf(db, row) : 0;
  const specFor = (row: ReplicaRow): ServiceSpec | undefined => specs.get(row.service)?.spec;
  const rolling = [...specs.values()].filter(({ service }) => ROLLING.has(service.rollout));
  const busy = jobsByRunner(db);
  return {
    input: {
      services: [...specs.values()].map(({ service, spec, desired }) => ({
        ...{ name: service.name, replicas: desired, labels: spec.labels, revision: service.revision },
        ...{ maxUnavailable: spec.max_unavailable, distinct: ha.enabled && service.system },
      })),
      placements: replicas.map((row) => placementOf(row, specFor(row), onlineSince(row), ownEndMs(row), now)),
      runners: rows.map((runner) => plannedRunner(runner, busy.get(runner.id) ?? 0)),
      failoverMs,
      now,
    },
    rollouts: rolling.map(({ service, spec, desired }) => ({
      ...{ service, spec, desired },
      replicas: replicas
        .filter((row) => row.service === service.name && row.slot < desired && row.runnerId !== null)
        .map((row) => ({ ...row, leaving: row.want === 'stop', onlineSince: onlineSince(row) })),
    })),
    dueAt: Math.min(
      ...replicas.flatMap((row) => dueTimes(row, byId.get(row.runnerId ?? ''), specFor(row))),
      ...[Number.POSITIVE_INFINITY],
    ),
  };

  function dueTimes(row: ReplicaRow, runner: RunnerRow | undefined, spec: ServiceSpec | undefined): number[] {
    const times = [];
    const moves = runner ? movesAt(db, row, runner, ha.failoverSeconds) : null;
    if (moves !== null) times.push(moves);
    if (spec && row.state === 'healthy') times.push(row.stateAt + settleMs(spec));
    return times.filter((at) => at > now);
  }
}

const placementOf = (
  row: ReplicaRow,
  spec: ServiceSpec | undefined,
  onlineSince: number | null,
  endMs: number,
  now: number,
): Placement => ({
  ...{ service: row.service, slot: row.slot, generation: row.generation, runner: row.runnerId, revision: row.revision },
  healthy: spec !== undefined && isSettled({ ...row, onlineSince }, spec, now),
  leaving: row.want === 'stop',
  restart: row.restart,
  endMs,
  reason: row.reason,
});

const plannedRunner = (runner: RunnerRow, jobs: number): PlannedRunner => ({
  ...{ id: runner.id, labels: runner.labels, capacity: runner.capacity, jobs, drained: runner.drainedAt !== null },
  offlineSince: runner.status === 'offline' ? runner.statusSince : null,
  removed: runner.state === 'removed',
});
