import { serviceName } from '@quorate/shared/names';
import { MAX_REPLICA_REPORTS, replicaReportSchema } from '@quorate/shared/runner-protocol';
import { hasLabels } from '@quorate/shared/runners';
import { and, count, eq, inArray, lt } from 'drizzle-orm';
import { z } from 'zod';
import { type ApplyContext, defineCommand } from '../../../commands/define-command';
import type { StateDb } from '../../../db/state-store';
import { type RunnerRow, runners } from '../../../resources/runners/table';
import { noteFailover, noteHealthy } from '../../ha/failovers';
import { haState } from '../../ha/settings';
import { jobs } from '../../jobs/table';
import { movesAt } from '../moves';
import { countReplicas, desiredReplicas, replicaAt, serviceNamed, specOf } from '../queries';
import { pruneRevisions } from '../retention';
import { type ReplicaRow, replicaGenerations, type ServiceRow, serviceReplicas } from '../table';

/** Of one command: an entry of the log has a bound. */
export const MAX_ACTIONS = 256;
const MAX_REASON = 2_000;

/** `generation`: what the planner saw; another one since, and the action is not carried out. 0 = there was no placement. */
const slotOf = { service: serviceName, slot: z.int().min(0), generation: z.int().min(0) };
const actionSchema = z.discriminatedUnion('do', [
  z.object({ ...slotOf, do: z.literal('place'), runner: z.uuid() }),
  z.object({ ...slotOf, do: z.literal('restart') }),
  z.object({ ...slotOf, do: z.literal('stop') }),
  z.object({ ...slotOf, do: z.literal('remove') }),
  z.object({ ...slotOf, do: z.literal('wait'), reason: z.string().max(MAX_REASON) }),
]);
type PlaceAction = z.output<typeof actionSchema>;

/** What an action is judged by. */
interface Scene {
  readonly tx: StateDb;
  readonly ctx: ApplyContext;
  readonly row: ReplicaRow | undefined;
  readonly service: ServiceRow | undefined;
  /** How many replicas the service shall have; 0 when it is gone. */
  readonly desired: number;
  /** Who has the slot now. */
  readonly holder: RunnerRow | undefined;
}

/**
 * Carries out what the planner proposes, each action only where it still fits: another generation since, a runner that went or
 * is full by now, a service that is gone. So a plan that comes twice or late does no harm.
 */
export const placeReplicas = defineCommand({
  type: 'services.place',
  since: 1,
  audited: false,
  input: z.object({ actions: z.array(actionSchema).max(MAX_ACTIONS) }),
  apply(tx, { actions }, ctx) {
    let done = 0;
    for (const action of actions) if (carryOut(tx, action, ctx)) done += 1;
    return { done };
  },
});

function carryOut(tx: StateDb, action: PlaceAction, ctx: ApplyContext): boolean {
  const row = replicaAt(tx, action.service, action.slot);
  if ((row?.generation ?? 0) !== action.generation) return false;
  const service = serviceNamed(tx, action.service);
  const desired = service ? desiredReplicas(service, haState(tx)) : 0;
  const scene = { tx, ctx, row, service, desired, holder: row?.runnerId ? runnerOf(tx, row.runnerId) : undefined };
  if (action.do === 'place') return place(scene, action.slot, action.runner);
  if (action.do === 'wait') return wait(scene, action);
  if (!row) return false;
  if (action.do === 'restart') return restart(scene, row);
  return action.do === 'stop' ? stop(scene, row) : remove(scene, row);
}

const runnerOf = (tx: StateDb, id: string): RunnerRow | undefined =>
  tx.select().from(runners).where(eq(runners.id, id)).get();

/** Whether what a runner has may go elsewhere though it has not said that it ended it: it is gone, for long enough. */
function isLost({ tx, ctx, holder }: Scene, row: ReplicaRow): boolean {
  const moves = movesAt(tx, row, holder, haState(tx).failoverSeconds);
  return moves !== null && ctx.at >= moves;
}

function hasRoom(tx: StateDb, runner: RunnerRow): boolean {
  const open = and(eq(jobs.runnerId, runner.id), inArray(jobs.state, ['assigned', 'running']));
  const busy = tx.select({ n: count() }).from(jobs).where(open).get()?.n ?? 0;
  return busy + countReplicas(tx, runner.id) < runner.capacity;
}

function place(scene: Scene, slot: number, runnerId: string): boolean {
  const { tx, ctx, row, service, desired, holder } = scene;
  if (!service || slot >= desired || (row?.runnerId && !isLost(scene, row))) return false;
  const runner = runnerOf(tx, runnerId);
  if (runner?.state !== 'active' || runner.status !== 'online' || runner.drainedAt !== null) return false;
  const labels = specOf(tx, service.name, service.revision)?.labels ?? {};
  if (!hasLabels(runner.labels, labels) || !hasRoom(tx, runner)) return false;
  const dueAt = row?.runnerId ? movesAt(tx, row, holder, haState(tx).failoverSeconds) : null;
  const generation = begin(tx, service, slot, runnerId, ctx);
  if (dueAt !== null)
    noteFailover(tx, { service: service.name, slot, generation, from: holder, to: runner, dueAt }, ctx);
  return true;
}

/** Begins a generation of a slot on a runner. @returns its number */
function begin(tx: StateDb, { name, revision }: ServiceRow, slot: number, runnerId: string, ctx: ApplyContext): number {
  const generation = (tx.select().from(replicaGenerations).get()?.last ?? 0) + 1;
  tx.insert(replicaGenerations)
    .values({ id: 1, last: generation })
    .onConflictDoUpdate({ target: replicaGenerations.id, set: { last: generation } })
    .run();
  const placement: Omit<ReplicaRow, 'service' | 'slot'> = {
    ...{ generation, runnerId, revision, want: 'run', restart: false, state: 'starting', reason: '' },
    ...{ ports: {}, restarts: 0, n: 0, placedAt: ctx.at, stateAt: ctx.at },
  };
  tx.insert(serviceReplicas)
    .values({ service: name, slot, ...placement })
    .onConflictDoUpdate({ target: [serviceReplicas.service, serviceReplicas.slot], set: placement })
    .run();
  return generation;
}

/** Where it is, with the revision that shall run: the runner ends the generation before, and then starts this one. */
function restart({ tx, ctx, service, desired }: Scene, row: ReplicaRow): boolean {
  const due = service && row.slot < desired && (row.restart || row.revision !== service.revision);
  if (!due || row.want !== 'run' || row.runnerId === null) return false;
  begin(tx, service, row.slot, row.runnerId, ctx);
  pruneRevisions(tx, service.name);
  return true;
}

/** It is to go elsewhere: its runner is drained, or has another replica of a service that runs on distinct ones. */
function stop(scene: Scene, row: ReplicaRow): boolean {
  const { holder } = scene;
  if (row.want !== 'run' || !holder || (holder.drainedAt === null && !isSecondHere(scene, row))) return false;
  return leave(scene, row);
}

function isSecondHere({ tx, service }: Scene, row: ReplicaRow): boolean {
  if (!service?.system || !haState(tx).enabled || row.runnerId === null) return false;
  const before = and(
    and(eq(serviceReplicas.service, row.service), eq(serviceReplicas.runnerId, row.runnerId)),
    lt(serviceReplicas.slot, row.slot),
  );
  return tx.select().from(serviceReplicas).where(before).limit(1).get() !== undefined;
}

/** The slot is not wanted any more. */
function remove(scene: Scene, row: ReplicaRow): boolean {
  if (row.slot < scene.desired) return false;
  if (row.runnerId === null || isLost(scene, row)) {
    vacate(scene.tx, row, scene.desired, scene.ctx);
    return true;
  }
  return row.want === 'run' && leave(scene, row);
}

function leave({ tx, ctx }: Scene, row: ReplicaRow): boolean {
  setRow(tx, row, { want: 'stop', restart: false, state: 'stopping', reason: '', stateAt: ctx.at });
  return true;
}

/** Nobody has the slot any more: it waits for a place, or is forgotten. */
function vacate(tx: StateDb, row: ReplicaRow, desired: number, ctx: ApplyContext): void {
  if (row.slot < desired) {
    const empty = { runnerId: null, want: 'run', restart: false, state: 'pending', ports: {}, restarts: 0 } as const;
    setRow(tx, row, { ...empty, reason: 'it waits for a place', stateAt: ctx.at });
    return;
  }
  tx.delete(serviceReplicas).where(whereRow(row)).run();
  pruneRevisions(tx, row.service);
}

function wait({ tx, ctx, row, service, desired }: Scene, { slot, reason }: { slot: number; reason: string }): boolean {
  if (!service || slot >= desired) return false;
  if (row) {
    if (row.runnerId !== null || row.reason === reason) return false;
    setRow(tx, row, { reason });
    return true;
  }
  tx.insert(serviceReplicas)
    .values({
      ...{ service: service.name, slot, generation: 0, runnerId: null, revision: service.revision, want: 'run' },
      ...{ restart: false, state: 'pending', reason, ports: {}, restarts: 0, n: 0, placedAt: ctx.at, stateAt: ctx.at },
    })
    .run();
  return true;
}

const whereRow = ({ service, slot }: ReplicaRow) =>
  and(eq(serviceReplicas.service, service), eq(serviceReplicas.slot, slot));

function setRow(tx: StateDb, row: ReplicaRow, to: Partial<ReplicaRow>): void {
  tx.update(serviceReplicas).set(to).where(whereRow(row)).run();
}

/**
 * What a runner says of its replicas. Of each the newest word counts; what it says of a placement that is over, or not its own,
 * is dropped without a word: it will be told.
 */
export const recordPlacements = defineCommand({
  type: 'services.record',
  since: 1,
  audited: false,
  input: z.object({ runnerId: z.uuid(), reports: z.array(replicaReportSchema).max(MAX_REPLICA_REPORTS) }),
  apply(tx, { runnerId, reports }, ctx) {
    for (const report of reports) {
      const row = replicaAt(tx, report.service, report.slot);
      if (row?.runnerId !== runnerId || row.generation !== report.generation || report.n <= row.n) continue;
      record(tx, row, report, ctx);
    }
  },
});

type Report = z.output<typeof replicaReportSchema>;

function record(tx: StateDb, row: ReplicaRow, { state, ...report }: Report, ctx: ApplyContext): void {
  if (state === 'stopped') {
    if (row.want !== 'stop') return;
    const service = serviceNamed(tx, row.service);
    vacate(tx, row, service ? desiredReplicas(service, haState(tx)) : 0, ctx);
    return;
  }
  const { n, reason, ports, restarts } = report;
  const shown = row.want === 'stop' ? 'stopping' : state;
  const stateAt = shown === row.state ? row.stateAt : ctx.at;
  setRow(tx, row, { n, state: shown, reason, ports, restarts, stateAt });
  if (shown !== row.state) tell(tx, { ...row, state: shown, reason, restarts }, row.state, ctx);
}

const isBad = (state: ReplicaRow['state']): boolean => state === 'unhealthy' || state === 'backing_off';
/** One that fails again and again is told of ever more seldom. */
const isWorthTelling = (restarts: number): boolean => (restarts & (restarts - 1)) === 0;

function tell(tx: StateDb, row: ReplicaRow, before: ReplicaRow['state'], ctx: ApplyContext): void {
  const { service, slot, generation, restarts, reason } = row;
  if (row.state === 'healthy') noteHealthy(tx, generation, ctx);
  if (!isWorthTelling(restarts)) return;
  const data = { service, slot, generation, restarts };
  const why = reason === '' ? '' : `: ${reason.slice(0, 300)}`;
  if (isBad(row.state) && !isBad(before)) {
    const what = row.state === 'unhealthy' ? 'is not healthy' : 'does not stay up';
    const where = row.runnerId === null ? undefined : runnerOf(tx, row.runnerId)?.name;
    const on = where === undefined ? '' : ` on ${where}`;
    ctx.event('replica.unhealthy', `replica ${slot} of ${service}${on} ${what}${why}`, data);
  }
  if (row.state === 'healthy' && (isBad(before) || restarts > 0)) {
    ctx.event('replica.recovered', `replica ${slot} of ${service} is healthy again`, data);
  }
}

export const placementCommands = [placeReplicas, recordPlacements];
