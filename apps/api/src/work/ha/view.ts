import { HA_MIN_NODES, type HaFailover, type HaMode, type HaUpdate } from '@quorate/shared/ha';
import { asc, eq, ne } from 'drizzle-orm';
import type { StateDb } from '../../db/state-store';
import { toTimestamp } from '../../lib/clock';
import { runners } from '../../resources/runners/table';
import { movesAt } from '../services/moves';
import { allServices, desiredReplicas } from '../services/queries';
import { serviceReplicas } from '../services/table';
import { type Sight, sightOf, viewService, whyStill } from '../services/view';
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
    ill_before: row.illBefore,
    nodes: stepsOf(db, row.id).map(({ nodeId, name, state, detail, stateAt }) => ({
      ...{ node_id: nodeId, name, state, detail, since: toTimestamp(stateAt) },
    })),
  };
}

function pendingMoves(db: StateDb, ha: HaState, sight: Sight): HaMode['pending_moves'] {
  const desired = new Map(allServices(db).map((service) => [service.name, desiredReplicas(service, ha)]));
  return db
    .select({ replica: serviceReplicas, runner: runners })
    .from(serviceReplicas)
    .innerJoin(runners, eq(runners.id, serviceReplicas.runnerId))
    .where(ne(runners.status, 'online'))
    .orderBy(asc(serviceReplicas.service), asc(serviceReplicas.slot))
    .all()
    .filter(({ replica: { service, slot } }) => slot < (desired.get(service) ?? 0))
    .map(({ replica, runner }) => {
      const { service, slot } = replica;
      const moves = movesAt(db, replica, runner, ha.failoverSeconds) ?? runner.statusSince;
      return {
        ...{ service, slot, runner: runner.name, runner_id: runner.id },
        offline_since: toTimestamp(runner.statusSince),
        moves_at: toTimestamp(moves),
        reason: whyStill(sight, service, runner, moves),
      };
    });
}

function warningOf(db: StateDb, ha: HaState, nodes: number, sight: Sight): string {
  if (!ha.enabled) return '';
  if (nodes < HA_MIN_NODES) return `HA mode needs ${HA_MIN_NODES} voting nodes, and there are ${nodes}`;
  const short = allServices(db)
    .filter(({ system }) => system)
    .map((service) => viewService(db, service, sight))
    .find(({ replicas }) => replicas.healthy < replicas.desired);
  if (!short) return '';
  const { healthy, desired } = short.replicas;
  const ill = short.instances.find((one) => one.slot < desired && (one.state !== 'healthy' || !one.runner_online));
  const because = ill && ill.reason !== '' ? ` (${ill.reason})` : '';
  return `${short.name} has ${healthy} of ${desired} healthy replicas${because}`;
}

export function viewHa(db: StateDb, nodes: HaNodes, now: number): HaMode {
  const ha = haState(db);
  const sight = sightOf(db, now);
  const voters = nodes(db).length;
  const update = lastUpdate(db);
  return {
    enabled: ha.enabled,
    system_replicas: ha.systemReplicas,
    failover_seconds: ha.failoverSeconds,
    revision: ha.revision,
    nodes: voters,
    nodes_needed: HA_MIN_NODES,
    warning: warningOf(db, ha, voters, sight),
    pending_moves: pendingMoves(db, ha, sight),
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
