import { hasLabels, type Labels } from '@quorate/shared/runners';

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
}

export interface PlannedService {
  readonly name: string;
  /** Replicas that shall run. */
  readonly replicas: number;
  readonly labels: Labels;
  /** Of the specification that shall run. */
  readonly revision: number;
  /** Replicas that may be away at once while a revision is rolled out. */
  readonly maxUnavailable: number;
  /** No further replica gets the revision: it failed, or somebody paused it. */
  readonly held: boolean;
  /** No two replicas on one runner. */
  readonly distinct: boolean;
}

/** A replica slot as it is placed now. */
export interface Placement {
  readonly service: string;
  readonly slot: number;
  /** Null while nobody could take it. */
  readonly runner: string | null;
  readonly revision: number;
  readonly healthy: boolean;
}

export interface PlanInput {
  readonly services: readonly PlannedService[];
  readonly placements: readonly Placement[];
  readonly runners: readonly PlannedRunner[];
  /** How long a runner is offline before what it had goes elsewhere, ms. */
  readonly failoverMs: number;
  readonly now: number;
}

/** What is to be changed; each place and restart begins a new generation of its slot. */
export type Action =
  | { readonly do: 'place'; readonly service: string; readonly slot: number; readonly runner: string }
  /** Stays where it is and begins anew, with the revision that shall run. */
  | { readonly do: 'restart'; readonly service: string; readonly slot: number }
  | { readonly do: 'wait'; readonly service: string; readonly slot: number; readonly reason: string }
  | { readonly do: 'remove'; readonly service: string; readonly slot: number };

interface Room {
  readonly runner: PlannedRunner;
  free: number;
  /** Replicas by service. */
  readonly has: Map<string, number>;
}

/**
 * What has to change so that every service runs as many replicas as it shall, spread over the runners: first where the service
 * has the fewest, then where the largest share is free. What runs well is left alone. Pure; the same for the same input.
 */
export function planServices(input: PlanInput): Action[] {
  const rooms = roomsOf(input);
  const wanted = new Map(input.services.map(({ name, replicas }) => [name, replicas]));
  const kept: Placement[] = [];
  const actions: Action[] = [];
  // What ends makes room first, whoever needs it.
  for (const placement of input.placements) {
    const { service, slot, runner } = placement;
    if (slot < (wanted.get(service) ?? 0)) {
      kept.push(placement);
      continue;
    }
    actions.push({ do: 'remove', service, slot });
    const room = runner === null ? undefined : rooms.get(runner);
    if (room) take(room, service, -1);
  }
  const placed = groupBy(kept, ({ service }) => service);
  for (const service of input.services) actions.push(...planOne(service, placed.get(service.name) ?? [], rooms, input));
  return actions;
}

function roomsOf({ runners, placements }: PlanInput): Map<string, Room> {
  const rooms = new Map<string, Room>();
  for (const runner of runners) rooms.set(runner.id, { runner, free: runner.capacity - runner.jobs, has: new Map() });
  for (const { runner, service } of placements) {
    const room = runner === null ? undefined : rooms.get(runner);
    if (room) take(room, service, 1);
  }
  return rooms;
}

function take(room: Room, service: string, count: 1 | -1): void {
  room.free -= count;
  room.has.set(service, (room.has.get(service) ?? 0) + count);
}

function planOne(
  service: PlannedService,
  placements: readonly Placement[],
  rooms: Map<string, Room>,
  input: PlanInput,
): Action[] {
  const bySlot = new Map(placements.map((placement) => [placement.slot, placement]));
  const actions: Action[] = [];
  const stays = (placement: Placement | undefined): boolean =>
    placement !== undefined && mayStay(placement, rooms, input);
  for (let slot = 0; slot < service.replicas; slot += 1) {
    const placement = bySlot.get(slot);
    if (stays(placement)) continue;
    actions.push(place(service, slot, placement, rooms));
  }
  actions.push(...rollOut(service, placements.filter(stays)));
  return actions;
}

/** Whether a replica is left where it is: its runner is there, or has not been away for long. */
function mayStay({ runner }: Placement, rooms: Map<string, Room>, { failoverMs, now }: PlanInput): boolean {
  const room = runner === null ? undefined : rooms.get(runner);
  if (!room || room.runner.drained) return false;
  const { offlineSince } = room.runner;
  return offlineSince === null || now - offlineSince < failoverMs;
}

function place(service: PlannedService, slot: number, before: Placement | undefined, rooms: Map<string, Room>): Action {
  let best: Room | undefined;
  for (const room of rooms.values()) {
    if (whyNot(service, room) === undefined && (!best || compare(service, room, best) < 0)) best = room;
  }
  if (!best) return { do: 'wait', service: service.name, slot, reason: whyNobody(service, [...rooms.values()]) };
  const left = before?.runner ? rooms.get(before.runner) : undefined;
  if (left) take(left, service.name, -1);
  take(best, service.name, 1);
  return { do: 'place', service: service.name, slot, runner: best.runner.id };
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

const REASONS: Readonly<Record<Hindrance, string>> = {
  labels: 'no runner has its labels',
  offline: 'every runner that has its labels is offline',
  drained: 'every runner that it could run on is drained',
  full: 'every runner that it could run on is full',
  distinct: 'every runner that it could run on has a replica of it already',
};
const ORDER: readonly Hindrance[] = ['distinct', 'full', 'drained', 'offline', 'labels'];

/** The hindrance that stands nearest to success. */
function whyNobody(service: PlannedService, rooms: readonly Room[]): string {
  if (rooms.length === 0) return 'there is no runner';
  const found = new Set(rooms.map((room) => whyNot(service, room)));
  return REASONS[ORDER.find((hindrance) => found.has(hindrance)) ?? 'labels'];
}

/** Replicas of an older revision begin anew, so many at a time that no more than `maxUnavailable` are away. */
function rollOut(service: PlannedService, running: readonly Placement[]): Action[] {
  if (service.held) return [];
  const away = service.replicas - running.filter(({ healthy }) => healthy).length;
  let budget = Math.max(0, service.maxUnavailable - away);
  const actions: Action[] = [];
  for (const { slot, revision, healthy } of running) {
    if (revision >= service.revision) continue;
    // One that is away already costs nothing.
    if (healthy && budget === 0) continue;
    if (healthy) budget -= 1;
    actions.push({ do: 'restart', service: service.name, slot });
  }
  return actions;
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return groups;
}
