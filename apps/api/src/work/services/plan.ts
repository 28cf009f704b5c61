import { hasLabels, type Labels } from '@quorate/shared/runners';
import { lostAfterMs } from './moves';

/** What the planner knows of a runner. */
export interface PlannedRunner {
  readonly id: string;
  readonly labels: Labels;
  readonly capacity: number;
  /** Jobs that it has; replicas are counted by the planner. */
  readonly jobs: number;
  readonly drained: boolean;
  /** Since when it is offline, ms; null = online. */
  readonly offlineSince: number | null;
  /** It is told to end what it has, and gets nothing more. */
  readonly removed: boolean;
}

export interface PlannedService {
  readonly name: string;
  /** Replicas that shall run. */
  readonly replicas: number;
  readonly labels: Labels;
  /** Of the specification that shall run. */
  readonly revision: number;
  /** Replicas that may be away at once while some begin anew or go elsewhere. */
  readonly maxUnavailable: number;
  /** No two replicas on one runner. */
  readonly distinct: boolean;
}

/** A replica slot as it is placed now. */
export interface Placement {
  readonly service: string;
  readonly slot: number;
  /** Of the placement; 0 = it never had one. */
  readonly generation: number;
  /** Null while nobody has it. */
  readonly runner: string | null;
  readonly revision: number;
  readonly healthy: boolean;
  /** Its runner was told to end it, and has not said yet that it did. */
  readonly leaving: boolean;
  /** It is to begin anew. */
  readonly restart: boolean;
  /** How long it may take to end where its runner was removed, ms. */
  readonly endMs: number;
  /** Why nobody has it, as it was said before. */
  readonly reason: string;
}

export interface PlanInput {
  readonly services: readonly PlannedService[];
  readonly placements: readonly Placement[];
  readonly runners: readonly PlannedRunner[];
  /** How long a runner is offline before what it had goes elsewhere, ms. */
  readonly failoverMs: number;
  readonly now: number;
}

interface Slot {
  readonly service: string;
  readonly slot: number;
  /** Of the placement that was seen. */
  readonly generation: number;
}

/** What is to be changed; each place and restart begins a new generation of its slot. */
export type Action =
  | (Slot & { readonly do: 'place'; readonly runner: string })
  /** Stays where it is and begins anew, with the revision that shall run. */
  | (Slot & { readonly do: 'restart' })
  /** It goes elsewhere once its runner has ended it. */
  | (Slot & { readonly do: 'stop' })
  | (Slot & { readonly do: 'remove' })
  | (Slot & { readonly do: 'wait'; readonly reason: string });

interface Room {
  readonly runner: PlannedRunner;
  free: number;
  /** Replicas by service. */
  readonly has: Map<string, number>;
}

/**
 * What has to change so that every service runs as many replicas as it shall, spread over the runners: first where the service
 * has the fewest, then where the largest share is free. What runs well is left alone, and what is to leave a runner that is
 * online makes room only when it has ended. Pure; the same for the same input.
 */
export function planServices(input: PlanInput): Action[] {
  const world = worldOf(input);
  const wanted = new Map(input.services.map(({ name, replicas }) => [name, replicas]));
  const kept = new Map<string, Placement[]>();
  const actions: Action[] = [];
  for (const placement of input.placements) {
    const { service, slot, runner, leaving } = placement;
    if (slot < (wanted.get(service) ?? 0)) {
      const own = kept.get(service);
      if (own) own.push(placement);
      else kept.set(service, [placement]);
    } else if (runner === null || !leaving || isLost(placement, world)) {
      actions.push({ do: 'remove', ...slotOf(placement) });
    }
  }
  for (const service of input.services) actions.push(...planOne(service, kept.get(service.name) ?? [], world).actions);
  return actions;
}

const slotOf = ({ service, slot, generation }: Placement): Slot => ({ service, slot, generation });

interface World {
  readonly rooms: ReadonlyMap<string, Room>;
  readonly all: readonly Room[];
  readonly failoverMs: number;
  readonly now: number;
}

function worldOf({ runners, placements, failoverMs, now }: PlanInput): World {
  const rooms = new Map<string, Room>();
  for (const runner of runners) rooms.set(runner.id, { runner, free: runner.capacity - runner.jobs, has: new Map() });
  for (const { runner, service } of placements) {
    const room = runner === null ? undefined : rooms.get(runner);
    if (room) take(room, service);
  }
  return { rooms, all: [...rooms.values()].filter(({ runner }) => !runner.removed), failoverMs, now };
}

function take(room: Room, service: string): void {
  room.free -= 1;
  room.has.set(service, (room.has.get(service) ?? 0) + 1);
}

const roomOf = ({ runner }: Placement, { rooms }: World): Room | undefined =>
  runner === null ? undefined : rooms.get(runner);

/** Whether its runner is gone, and for so long that somebody else gets the slot. */
function isLost(placement: Placement, world: World): boolean {
  const room = roomOf(placement, world);
  if (!room) return true;
  const { offlineSince, removed } = room.runner;
  const waitMs = lostAfterMs(removed, world.failoverMs, placement.endMs);
  return offlineSince !== null && world.now - offlineSince >= waitMs;
}

interface Plan {
  readonly actions: Action[];
  /** Slots that are away, or are by these actions. */
  readonly away: number[];
  /** Those that run well and are to be replaced, when no other is away any more. */
  readonly waiting: { readonly placement: Placement; readonly moves: boolean }[];
}

function planOne(service: PlannedService, placements: readonly Placement[], world: World): Plan {
  const plan: Plan = { actions: [], away: [], waiting: [] };
  const running: Placement[] = [];
  const bySlot = new Map(placements.map((placement) => [placement.slot, placement]));
  for (let slot = 0; slot < service.replicas; slot += 1) {
    const placement = bySlot.get(slot);
    if (placement && !isLost(placement, world)) {
      if (placement.leaving || !placement.healthy) plan.away.push(slot);
      if (!placement.leaving) running.push(placement);
      continue;
    }
    const action = place(service, slot, placement, world);
    // What nobody can take is not away: it would stand in the way of every change for as long as there is no room.
    if (action && action.do !== 'wait') plan.away.push(slot);
    if (action) plan.actions.push(action);
  }
  replace(service, running, plan, world);
  return plan;
}

/** Undefined: there is nothing to be done about it now. */
function place(service: PlannedService, slot: number, before: Placement | undefined, world: World): Action | undefined {
  const best = bestRoom(service, world);
  const at = { service: service.name, slot, generation: before?.generation ?? 0 };
  if (best) {
    take(best, service.name);
    return { do: 'place', ...at, runner: best.runner.id };
  }
  // One whose runner is gone may still go on there, if it comes back.
  if (before && before.runner !== null) return undefined;
  const reason = whyNobody(service, world.all);
  return before?.reason === reason ? undefined : { do: 'wait', ...at, reason };
}

function bestRoom(service: PlannedService, { all }: World): Room | undefined {
  let best: Room | undefined;
  for (const room of all) {
    if (whyNot(service, room) === undefined && (!best || compare(service, room, best) < 0)) best = room;
  }
  return best;
}

type Hindrance = 'offline' | 'drained' | 'labels' | 'full' | 'distinct';

function whyNot(service: PlannedService, { runner, free, has }: Room): Hindrance | undefined {
  if (!hasLabels(runner.labels, service.labels)) return 'labels';
  if (runner.offlineSince !== null) return 'offline';
  if (runner.drained) return 'drained';
  if (free <= 0) return 'full';
  return service.distinct && (has.get(service.name) ?? 0) > 0 ? 'distinct' : undefined;
}

function compare({ name }: PlannedService, a: Room, b: Room): number {
  const spread = (a.has.get(name) ?? 0) - (b.has.get(name) ?? 0);
  if (spread !== 0) return spread;
  const share = b.free / b.runner.capacity - a.free / a.runner.capacity;
  return share !== 0 ? share : a.runner.id < b.runner.id ? -1 : 1;
}

/** The one that stands nearest to success first. */
const HINDRANCES: readonly (readonly [Hindrance, string])[] = [
  ['distinct', 'has a replica of it already'],
  ['full', 'is full'],
  ['drained', 'is drained'],
  ['offline', 'is offline'],
];

/** Without numbers: each change of this is written to the log, for each replica that waits. */
function whyNobody(service: PlannedService, rooms: readonly Room[]): string {
  if (rooms.length === 0) return 'there is no runner';
  const found = new Set(rooms.map((room) => whyNot(service, room)));
  const what = HINDRANCES.filter(([hindrance]) => found.has(hindrance)).map(([, words]) => words);
  return what.length === 0 ? 'no runner has its labels' : `every runner that it could run on ${what.join(' or ')}`;
}

/** Why a replica of a service cannot be placed now; undefined when it can, or there is no such service. */
export function whyNoPlace(input: PlanInput, name: string): string | undefined {
  const world = worldOf(input);
  const service = input.services.find((one) => one.name === name);
  return service && !bestRoom(service, world) ? whyNobody(service, world.all) : undefined;
}

/**
 * Replicas that are to go elsewhere (their runner is drained, or has two where each is to have one) and those that are to begin
 * anew (an older revision, a restart), no more at a time than may be away. One that is away already costs nothing.
 */
function replace(service: PlannedService, running: readonly Placement[], plan: Plan, world: World): void {
  const seen = new Set<string>();
  for (const placement of running) {
    const room = roomOf(placement, world);
    if (!room || room.runner.offlineSince !== null) continue;
    const isSecond = service.distinct && seen.has(room.runner.id);
    seen.add(room.runner.id);
    const next = room.runner.drained || isSecond ? bestRoom(service, world) : undefined;
    const isOld = placement.restart || placement.revision !== service.revision;
    if (!next && !isOld) continue;
    if (placement.healthy && plan.away.length >= service.maxUnavailable) {
      plan.waiting.push({ placement, moves: next !== undefined });
      continue;
    }
    if (placement.healthy) plan.away.push(placement.slot);
    if (next) take(next, service.name);
    plan.actions.push({ do: next ? 'stop' : 'restart', ...slotOf(placement) });
  }
}

const MAX_NAMED = 5;

/** Why replicas of a service that are to be replaced still run as they did, by slot. */
export function whyInTurn(input: PlanInput, name: string): ReadonlyMap<number, string> {
  const service = input.services.find((one) => one.name === name);
  if (!service) return new Map();
  const own = input.placements.filter((one) => one.service === name && one.slot < service.replicas);
  const { away, waiting } = planOne(service, own, worldOf(input));
  const named = away.sort((a, b) => a - b).slice(0, MAX_NAMED);
  const more = away.length > named.length ? ` and ${away.length - named.length} more` : '';
  const those = named.length === 1 ? `replica ${named} is` : `replicas ${named.join(', ')}${more} are`;
  const bound = `only ${service.maxUnavailable} may be away at once, and ${those} not well yet`;
  return new Map(
    waiting.map(({ placement: { slot, revision }, moves }) => {
      const anew = revision === service.revision ? 'begin anew' : `begin anew with revision ${service.revision}`;
      return [slot, `it waits for its turn to ${moves ? 'go elsewhere' : anew}: ${bound}`];
    }),
  );
}
