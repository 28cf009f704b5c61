import type { Service } from '@quorate/shared/services';
import { inArray } from 'drizzle-orm';
import type { StateDb } from '../../db/state-store';
import { toTimestamp } from '../../lib/clock';
import { type RunnerRow, runners } from '../../resources/runners/table';
import { type HaState, haState } from '../ha/settings';
import { movesAt } from './moves';
import { type PlanInput, whyInTurn, whyNoPlace } from './plan';
import { readPlannerView } from './planner-view';
import { currentSpec, desiredReplicas, replicasOf } from './queries';
import type { ReplicaRow, ServiceRow } from './table';

type Instance = Service['instances'][number];

function runnersOf(db: StateDb, rows: readonly ReplicaRow[]): Map<string, RunnerRow> {
  const ids = [...new Set(rows.flatMap(({ runnerId }) => runnerId ?? []))];
  const found = db.select().from(runners).where(inArray(runners.id, ids)).all();
  return new Map(found.map((runner) => [runner.id, runner]));
}

/** The moment at which services are looked at. */
export interface Sight {
  /** Ms. */
  readonly now: number;
  /** Why no replica of a service can be placed now; undefined when one can. */
  whyNoPlace(service: string): string | undefined;
  /** Why replicas of a service that are to be replaced still run as they did, by slot. */
  whyInTurn(service: string): ReadonlyMap<number, string>;
}

/** Looks at the whole state only when it is asked, and once. */
export function sightOf(db: StateDb, now: number): Sight {
  let input: PlanInput | undefined;
  const byService = <T>(look: (input: PlanInput, service: string) => T): ((service: string) => T) => {
    const found = new Map<string, { readonly seen: T }>();
    return (service) => {
      const known = found.get(service);
      if (known) return known.seen;
      input ??= readPlannerView(db, now).input;
      const seen = look(input, service);
      found.set(service, { seen });
      return seen;
    };
  };
  return { now, whyNoPlace: byService(whyNoPlace), whyInTurn: byService(whyInTurn) };
}

/** Why a replica whose runner is gone is still with it. `moves`: when it is to go elsewhere, ms. */
export function whyStill(sight: Sight, service: string, runner: RunnerRow, moves: number): string {
  const gone = runner.state === 'active' ? `is offline since ${toTimestamp(runner.statusSince)}` : 'was removed';
  const which = `its runner ${runner.name} ${gone}`;
  if (sight.now < moves && runner.state === 'removed')
    return `${which} and is to end it; it goes elsewhere at ${toTimestamp(moves)}`;
  if (sight.now < moves) return `${which}; unless it is back before, it goes elsewhere at ${toTimestamp(moves)}`;
  const hindrance = sight.whyNoPlace(service);
  return hindrance
    ? `${which}; it was to go elsewhere at ${toTimestamp(moves)}, but ${hindrance}`
    : `${which}; it goes elsewhere now`;
}

/** What is looked at beside the replicas. */
interface Scene {
  readonly db: StateDb;
  readonly sight: Sight;
  readonly failoverSeconds: number;
  readonly desired: number;
  /** Why replicas that are to be replaced still run as they did, by slot. */
  readonly inTurn: ReadonlyMap<number, string>;
}

function reasonOf(
  { sight, desired, inTurn }: Scene,
  row: ReplicaRow,
  runner: RunnerRow | undefined,
  moves: number | null,
): string {
  const isWanted = row.slot < desired;
  if (runner && runner.status !== 'online' && !isWanted)
    return `it is not wanted any more; its runner ${runner.name} is offline`;
  if (runner && moves !== null) return whyStill(sight, row.service, runner, moves);
  if (row.want === 'stop')
    return isWanted ? 'it ends here before it runs elsewhere' : 'it is not wanted any more, and ends';
  const drained = runner && runner.drainedAt !== null;
  const note = drained ? `its runner ${runner.name} is drained; it goes elsewhere as soon as another has room` : '';
  return row.reason || (inTurn.get(row.slot) ?? note);
}

const NONE: ReadonlyMap<number, string> = new Map();

/** Looks at the whole state only where something is to be replaced. */
function turnsOf(service: ServiceRow, rows: readonly ReplicaRow[], isDrained: boolean, ha: HaState, sight: Sight) {
  const isOld = rows.some(({ restart, revision }) => restart || revision !== service.revision);
  const isCrowded = ha.enabled && service.system && new Set(rows.map(({ runnerId }) => runnerId)).size < rows.length;
  return isOld || isDrained || isCrowded ? sight.whyInTurn(service.name) : NONE;
}

function viewReplica(scene: Scene, row: ReplicaRow, runner: RunnerRow | undefined): Instance {
  const isDue = runner !== undefined && row.slot < scene.desired;
  const moves = isDue ? movesAt(scene.db, row, runner, scene.failoverSeconds) : null;
  return {
    slot: row.slot,
    generation: row.generation,
    runner: runner?.name ?? row.runnerId,
    runner_id: row.runnerId,
    runner_online: runner?.status === 'online',
    state: row.state,
    reason: reasonOf(scene, row, runner, moves),
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
export function viewService(db: StateDb, service: ServiceRow, sight: Sight): Service {
  const ha = haState(db);
  const desired = desiredReplicas(service, ha);
  const rows = replicasOf(db, service.name);
  const byId = runnersOf(db, rows);
  const isDrained = [...byId.values()].some(({ drainedAt }) => drainedAt !== null);
  const inTurn = turnsOf(service, rows, isDrained, ha, sight);
  const scene = { db, sight, desired, inTurn, failoverSeconds: ha.failoverSeconds };
  const instances = rows.map((row) => viewReplica(scene, row, byId.get(row.runnerId ?? '')));
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
      waiting: inTurn.size,
      detail: service.rolloutDetail,
      since: toTimestamp(service.rolloutAt),
    },
    autoscaling: service.autoscaling,
    instances: [...instances, ...unplanned(rows, desired, service)].sort((a, b) => a.slot - b.slot),
    created_at: toTimestamp(service.createdAt),
    updated_at: toTimestamp(service.updatedAt),
  };
}
