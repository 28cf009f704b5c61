import { HA_MIN_NODES, type HaFailover, type HaMode, type HaUpdate } from '@quorate/shared/ha';
import { asc, eq, ne } from 'drizzle-orm';
import type { StateDb } from '../../db/state-store';
import { toTimestamp } from '../../lib/clock';
import { runners } from '../../resources/runners/table';
import { allServices, replicasOf } from '../services/queries';
import { serviceReplicas } from '../services/table';
import { movesAt, viewService } from '../services/view';
import { type HaUpdateRow, lastUpdate, stepsOf } from './commands';
import type { HaNodes } from './nodes';
import { type HaState, haState } from './settings';
import type { haFailovers } from './table';

const timeOf = (at: number | null): string | null => (at === null ? null : toTimestamp(at));

export function viewUpdate(db: StateDb, row: HaUpdateRow): HaUpdate {
  return {
    id: row.id,
    state: row.state,
    detail: row.detail,
    started_by: row.startedBy,
    started_at: toTimestamp(row.startedAt),
    finished_at: timeOf(row.finishedAt),
    nodes: stepsOf(db, row.id).map(({ nodeId, name, state, detail, stateAt }) => ({
      ...{ node_id: nodeId, name, state, detail, since: toTimestamp(stateAt) },
    })),
  };
}

function pendingMoves(db: StateDb, { failoverSeconds }: HaState): HaMode['pending_moves'] {
  return db
    .select({ replica: serviceReplicas, runner: runners })
    .from(serviceReplicas)
    .innerJoin(runners, eq(runners.id, serviceReplicas.runnerId))
    .where(ne(runners.status, 'online'))
    .orderBy(asc(serviceReplicas.service), asc(serviceReplicas.slot))
    .all()
    .map(({ replica: { service, slot }, runner }) => ({
      ...{ service, slot, runner: runner.name, runner_id: runner.id },
      offline_since: toTimestamp(runner.statusSince),
      moves_at: toTimestamp(movesAt(runner, failoverSeconds) ?? runner.statusSince),
    }));
}

function warningOf(db: StateDb, ha: HaState, nodes: number): string {
  if (!ha.enabled) return '';
  if (nodes < HA_MIN_NODES) return `HA mode needs ${HA_MIN_NODES} voting nodes, and there are ${nodes}`;
  const short = allServices(db)
    .filter(({ system }) => system)
    .map((service) => viewService(db, service))
    .find(({ replicas }) => replicas.healthy < replicas.desired);
  if (!short) return '';
  const why = replicasOf(db, short.name).find((row) => row.state === 'pending')?.reason ?? '';
  const because = why === '' ? '' : ` (${why})`;
  return `${short.name} has ${short.replicas.healthy} of ${short.replicas.desired} healthy replicas${because}`;
}

export function viewHa(db: StateDb, nodes: HaNodes): HaMode {
  const ha = haState(db);
  const voters = nodes(db).length;
  const update = lastUpdate(db);
  return {
    enabled: ha.enabled,
    system_replicas: ha.systemReplicas,
    failover_seconds: ha.failoverSeconds,
    revision: ha.revision,
    nodes: voters,
    nodes_needed: HA_MIN_NODES,
    warning: warningOf(db, ha, voters),
    pending_moves: pendingMoves(db, ha),
    update: update ? viewUpdate(db, update) : null,
    updated_at: timeOf(ha.updatedAt),
  };
}

export const viewFailover = (row: typeof haFailovers.$inferSelect): HaFailover => ({
  id: row.id,
  service: row.service,
  slot: row.slot,
  runner: row.fromRunner,
  to_runner: row.toRunner,
  offline_at: toTimestamp(row.offlineAt),
  due_at: toTimestamp(row.dueAt),
  moved_at: toTimestamp(row.movedAt),
  late_ms: row.movedAt - row.dueAt,
  healthy_at: timeOf(row.healthyAt),
});
