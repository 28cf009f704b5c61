import type { Service } from '@quorate/shared/services';
import { inArray } from 'drizzle-orm';
import type { StateDb } from '../../db/state-store';
import { toTimestamp } from '../../lib/clock';
import { type RunnerRow, runners } from '../../resources/runners/table';
import { haState } from '../ha/settings';
import { currentSpec, desiredReplicas, replicasOf } from './queries';
import type { ReplicaRow, ServiceRow } from './table';

type Instance = Service['instances'][number];

function runnersOf(db: StateDb, rows: readonly ReplicaRow[]): Map<string, RunnerRow> {
  const ids = [...new Set(rows.flatMap(({ runnerId }) => runnerId ?? []))];
  const found = db.select().from(runners).where(inArray(runners.id, ids)).all();
  return new Map(found.map((runner) => [runner.id, runner]));
}

/** When a replica goes elsewhere unless its runner is back, ms; null while that is online. */
export function movesAt(runner: RunnerRow | undefined, failoverSeconds: number): number | null {
  if (!runner || runner.status === 'online') return null;
  return runner.statusSince + (runner.state === 'active' ? failoverSeconds * 1000 : 0);
}

function reasonOf(row: ReplicaRow, runner: RunnerRow | undefined, moves: number | null): string {
  if (moves !== null) {
    return `its runner ${runner?.name} is offline; it goes elsewhere once that has lasted until ${toTimestamp(moves)}`;
  }
  if (row.want === 'stop') return 'it ends here before it may run elsewhere';
  const drained = runner && runner.drainedAt !== null;
  const note = drained ? `its runner ${runner.name} is drained; it goes elsewhere as soon as another has room` : '';
  return row.reason || note;
}

function viewReplica(row: ReplicaRow, runner: RunnerRow | undefined, failoverSeconds: number): Instance {
  const moves = movesAt(runner, failoverSeconds);
  return {
    slot: row.slot,
    generation: row.generation,
    runner: runner?.name ?? row.runnerId,
    runner_id: row.runnerId,
    runner_online: runner?.status === 'online',
    state: row.state,
    reason: reasonOf(row, runner, moves),
    revision: row.revision,
    ports: row.ports,
    restarts: row.restarts,
    since: toTimestamp(row.stateAt),
    moves_at: moves === null ? null : toTimestamp(moves),
  };
}

/** Those that shall run and were not looked at yet. */
function unplanned(rows: readonly ReplicaRow[], desired: number, service: ServiceRow): Instance[] {
  const known = new Set(rows.map(({ slot }) => slot));
  const slots = Array.from({ length: desired }, (_, slot) => slot).filter((slot) => !known.has(slot));
  const since = toTimestamp(service.updatedAt);
  const none = { generation: 0, runner: null, runner_id: null, runner_online: false, ports: {}, restarts: 0 };
  const reason = 'it waits for the leader';
  return slots.map((slot) => ({
    ...{ slot, ...none, state: 'pending' as const, reason, revision: service.revision, since, moves_at: null },
  }));
}

/** As the API shows it. */
export function viewService(db: StateDb, service: ServiceRow): Service {
  const ha = haState(db);
  const desired = desiredReplicas(service, ha);
  const rows = replicasOf(db, service.name);
  const byId = runnersOf(db, rows);
  const instances = rows.map((row) => viewReplica(row, byId.get(row.runnerId ?? ''), ha.failoverSeconds));
  const healthy = instances.filter((one) => one.state === 'healthy' && one.runner_online && one.slot < desired);
  return {
    name: service.name,
    spec: currentSpec(db, service),
    system: service.system,
    replicas: {
      desired,
      placed: instances.filter((one) => one.runner_id !== null && one.slot < desired).length,
      healthy: healthy.length,
    },
    revision: service.revision,
    rollout: {
      state: service.rollout,
      updated: healthy.filter(({ revision }) => revision === service.revision).length,
      detail: service.rolloutDetail,
      since: toTimestamp(service.rolloutAt),
    },
    autoscaling: service.autoscaling,
    instances: [...instances, ...unplanned(rows, desired, service)].sort((a, b) => a.slot - b.slot),
    created_at: toTimestamp(service.createdAt),
    updated_at: toTimestamp(service.updatedAt),
  };
}
