import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Action,
  type Placement,
  type PlanInput,
  type PlannedRunner,
  type PlannedService,
  planServices,
  whyInTurn,
} from './plan';

const runner = (id: string, change: Partial<PlannedRunner> = {}): PlannedRunner => ({
  ...{ id, labels: {}, capacity: 10, jobs: 0, drained: false, offlineSince: null, removed: false },
  ...change,
});
const service = (name: string, replicas: number, change: Partial<PlannedService> = {}): PlannedService => ({
  ...{ name, replicas, labels: {}, revision: 1, maxUnavailable: 1, distinct: false },
  ...change,
});
const input = (change: Partial<PlanInput>): PlanInput => ({
  ...{ services: [], placements: [], runners: [], failoverMs: 30_000, now: 1_000_000 },
  ...change,
});

const at = (service: string, slot: number, on: string | null, change: Partial<Placement> = {}): Placement => ({
  ...{
    service,
    slot,
    runner: on,
    generation: 1,
    revision: 1,
    healthy: true,
    leaving: false,
    restart: false,
    endMs: 15_000,
    reason: '',
  },
  ...change,
});

/** The placements once the actions were carried out, every runner did what it was told, and all is well. */
function carryOut({ placements, services }: PlanInput, actions: readonly Action[]): Placement[] {
  const bySlot = new Map(placements.map((one) => [`${one.service}/${one.slot}`, one]));
  for (const action of actions) {
    const { service: name, slot, generation } = action;
    const key = `${name}/${slot}`;
    const before = bySlot.get(key);
    expect(generation).toBe(before?.generation ?? 0);
    const revision = services.find((one) => one.name === name)?.revision ?? 0;
    if (action.do === 'remove') bySlot.delete(key);
    else if (action.do === 'wait') bySlot.set(key, at(name, slot, null, { generation, reason: action.reason }));
    else if (action.do === 'stop') bySlot.set(key, at(name, slot, null, { generation }));
    else {
      const on = action.do === 'place' ? action.runner : (before?.runner ?? null);
      bySlot.set(key, at(name, slot, on, { generation: generation + 1, revision }));
    }
  }
  return [...bySlot.values()].sort((a, b) => a.service.localeCompare(b.service) || a.slot - b.slot);
}

/** Plans and carries out until there is nothing to be done; `each` looks at every step. */
function settle(world: PlanInput, each: (world: PlanInput, actions: readonly Action[]) => void = () => undefined) {
  let now = world;
  for (let round = 0; round < 50; round += 1) {
    const actions = planServices(now);
    each(now, actions);
    if (actions.length === 0) return now.placements;
    now = { ...now, placements: carryOut(now, actions) };
  }
  throw new Error('it does not settle');
}
const placesOf = (placements: readonly Placement[]) => placements.map(({ runner: on }) => on).sort();

describe('the planner', () => {
  it('spreads replicas, and leaves alone what runs', () => {
    const world = input({
      services: [service('web', 4)],
      runners: [runner('a'), runner('b'), runner('c', { capacity: 2 })],
    });
    const placed = carryOut(world, planServices(world));
    expect(placesOf(placed)).toEqual(['a', 'a', 'b', 'c'].sort());
    expect(planServices({ ...world, placements: placed })).toEqual([]);
    // A runner that comes later takes nothing over.
    expect(planServices({ ...world, placements: placed, runners: [...world.runners, runner('d')] })).toEqual([]);
  });

  it('moves the replicas of a runner that is gone after exactly the time that was set, and not when it is back', () => {
    const placements = [at('web', 0, 'a')];
    const plan = (now: number, offlineSince: number | null) => {
      const runners = [runner('a', { offlineSince }), runner('b')];
      return planServices(input({ services: [service('web', 1)], placements, runners, now }));
    };
    expect(plan(29_999, 0)).toEqual([]);
    expect(plan(30_000, 0)).toEqual([{ do: 'place', service: 'web', slot: 0, generation: 1, runner: 'b' }]);
    expect(plan(30_000, null)).toEqual([]);
  });

  it('moves the replicas of a runner that was removed when they must have ended there, and gives it nothing more', () => {
    const plan = (now: number, endMs: number) => {
      const runners = [runner('a', { offlineSince: 0, removed: true }), runner('b')];
      const placements = [at('web', 0, 'a', { endMs })];
      return planServices(input({ services: [service('web', 1)], placements, runners, now }));
    };
    const move = [{ do: 'place', service: 'web', slot: 0, generation: 1, runner: 'b' }];
    expect(plan(29_999, 15_000)).toEqual([]);
    expect(plan(30_000, 15_000)).toEqual(move);
    expect(plan(44_999, 45_000)).toEqual([]);
    expect(plan(45_000, 45_000)).toEqual(move);
    const runners = [runner('a', { offlineSince: 0, removed: true })];
    expect(planServices(input({ services: [service('web', 1)], runners }))).toMatchObject([
      { reason: 'there is no runner' },
    ]);
  });

  it('says why a replica waits', () => {
    const why = (services: PlannedService, runners: PlannedRunner[]) =>
      planServices(input({ services: [services], runners })).map((action) => 'reason' in action && action.reason);
    expect(why(service('x', 1), [])).toEqual(['there is no runner']);
    expect(why(service('x', 1, { labels: { gpu: 'yes' } }), [runner('a')])).toEqual(['no runner has its labels']);
    expect(why(service('x', 1), [runner('a', { offlineSince: 1 })])[0]).toMatch(/is offline/);
    expect(why(service('x', 1), [runner('a', { jobs: 10 })])[0]).toMatch(/is full/);
    expect(why(service('x', 2, { distinct: true }), [runner('a')])).toEqual([
      false,
      'every runner that it could run on has a replica of it already',
    ]);
    const mixed = [runner('a'), runner('b', { jobs: 10 }), runner('c', { drained: true }), runner('d', { jobs: 10 })];
    expect(why(service('x', 2, { distinct: true }), mixed)[1]).toBe(
      'every runner that it could run on has a replica of it already or is full or is drained',
    );
  });

  it('rolls a revision out with no more away than may be, and restarts likewise', () => {
    const old = [0, 1, 2].map((slot) => at('web', slot, 'a'));
    const world = input({ services: [service('web', 3, { revision: 2 })], placements: old, runners: [runner('a')] });
    const restart = (slot: number, generation = 1) => ({ do: 'restart', service: 'web', slot, generation });
    expect(planServices(world)).toEqual([restart(0)]);
    const first = old.map((one) => (one.slot === 0 ? { ...one, generation: 2, revision: 2, healthy: false } : one));
    expect(planServices({ ...world, placements: first })).toEqual([]);
    expect(planServices({ ...world, placements: first.map((one) => ({ ...one, healthy: true })) })).toEqual([
      restart(1),
    ]);
    // What is away already costs nothing.
    expect(planServices({ ...world, placements: old.map((one) => ({ ...one, healthy: false })) })).toHaveLength(3);
    const marked = old.map((one) => ({ ...one, revision: 2, restart: true }));
    expect(planServices({ ...world, placements: marked })).toEqual([restart(0)]);
    // Those that wait for room do not stand in the way.
    const wide = { ...world, services: [service('web', 9, { revision: 2 })], runners: [runner('a', { capacity: 3 })] };
    expect(planServices({ ...wide, placements: old }).filter((one) => one.do !== 'wait')).toEqual([restart(0)]);
  });

  it('says what a replica waits for that is to be replaced', () => {
    const old = [0, 1, 2, 3].map((slot) => at('web', slot, 'a'));
    const world = (spec: Partial<PlannedService>, placements = old, runners = [runner('a')]) => [
      ...whyInTurn(input({ services: [service('web', 4, spec)], placements, runners }), 'web'),
    ];
    const turn = (slots: number[], what: string, bound: string) =>
      slots.map((slot) => [slot, `it waits for its turn to ${what}: only ${bound}`]);
    const next = { revision: 2 };
    const anew = 'begin anew with revision 2';
    expect(world(next)).toEqual(turn([1, 2, 3], anew, '1 may be away at once, and replica 0 is not well yet'));
    expect(world({ ...next, maxUnavailable: 2 })).toEqual(
      turn([2, 3], anew, '2 may be away at once, and replicas 0, 1 are not well yet'),
    );
    // The one that stands in the way is named, wherever it is; it is not in turn itself.
    const ill = old.map((one) => (one.slot === 3 ? { ...one, healthy: false } : one));
    expect(world(next, ill)).toEqual(turn([0, 1, 2], anew, '1 may be away at once, and replica 3 is not well yet'));
    const marked = old.map((one) => ({ ...one, restart: one.slot > 1 }));
    expect(world({}, marked)).toEqual(turn([3], 'begin anew', '1 may be away at once, and replica 2 is not well yet'));
    const drained = [runner('a', { drained: true }), runner('b')];
    expect(world({}, old, drained).map(([, why]) => why)[0]).toMatch(/turn to go elsewhere: only 1 .* replica 0 /);
    // Where nobody has room for it, it does not wait for a turn; and nothing waits that is as it shall be.
    expect(world({}, old, [runner('a', { drained: true })])).toEqual([]);
    expect(world({}, ill)).toEqual([]);
    expect([...whyInTurn(input({ placements: old, runners: [runner('a')] }), 'web')]).toEqual([]);
  });

  it('gives a slot away only when its runner has ended it, and takes nothing from a drained one without a place to go', () => {
    const placements = [at('web', 0, 'a'), at('web', 1, 'a')];
    const world = input({ services: [service('web', 2)], placements, runners: [runner('a', { drained: true })] });
    expect(planServices(world)).toEqual([]);
    const both = { ...world, runners: [...world.runners, runner('b')] };
    expect(planServices(both)).toEqual([{ do: 'stop', service: 'web', slot: 0, generation: 1 }]);
    const leaving = placements.map((one) => (one.slot === 0 ? { ...one, leaving: true } : one));
    expect(planServices({ ...both, placements: leaving })).toEqual([]);
    expect(placesOf(settle(both))).toEqual(['b', 'b']);
    // One that is about to end still takes its room, and its slot comes again only afterwards.
    const small = input({
      services: [service('web', 1), service('new', 1)],
      placements: [at('web', 0, 'a'), at('web', 1, 'a', { leaving: true })],
      runners: [runner('a', { capacity: 2 })],
    });
    expect(planServices(small)).toMatchObject([{ do: 'wait', service: 'new' }]);
  });

  it('brings the replicas of a service apart that is to run on distinct runners', () => {
    const placements = [0, 1, 2].map((slot) => at('dns', slot, 'a'));
    const runners = [runner('a'), runner('b')];
    const world = input({ services: [service('dns', 3, { distinct: true })], placements, runners });
    expect(planServices(world)).toEqual([{ do: 'stop', service: 'dns', slot: 1, generation: 1 }]);
    expect(placesOf(settle(world))).toEqual(['a', 'a', 'b']);
    expect(placesOf(settle({ ...world, runners: [...runners, runner('c')] }))).toEqual(['a', 'b', 'c']);
  });

  it('comes to rest in any world, over no capacity, with no more away at once than may be', () => {
    const worlds = fc.record({
      services: fc.uniqueArray(
        fc.record({
          name: fc.constantFrom('a', 'b', 'c'),
          replicas: fc.nat(6),
          distinct: fc.boolean(),
          revision: fc.integer({ min: 1, max: 3 }),
          maxUnavailable: fc.integer({ min: 1, max: 3 }),
        }),
        { selector: ({ name }) => name },
      ),
      runners: fc.uniqueArray(
        fc.record({
          id: fc.constantFrom('1', '2', '3', '4'),
          capacity: fc.integer({ min: 1, max: 5 }),
          drained: fc.boolean(),
          offlineSince: fc.constantFrom(null, null, 0, 999_999),
        }),
        { selector: ({ id }) => id },
      ),
    });
    fc.assert(
      fc.property(worlds, worlds, (before, after) => {
        const make = (world: typeof before, placements: readonly Placement[]): PlanInput =>
          input({
            services: world.services.map(({ name, ...rest }) => service(name, rest.replicas, rest)),
            runners: world.runners.map(({ id, ...rest }) => runner(id, rest)),
            placements,
          });
        const inherited = settle(make(before, []));
        const placed = settle(make(after, inherited), (world, actions) => {
          for (const { name, maxUnavailable } of after.services) {
            const isHealthy = (slot: number) =>
              world.placements.some((one) => one.service === name && one.slot === slot && one.healthy);
            const taken = actions.filter((one) => one.service === name && (one.do === 'stop' || one.do === 'restart'));
            expect(taken.filter(({ slot }) => isHealthy(slot)).length).toBeLessThanOrEqual(maxUnavailable);
          }
        });
        for (const { id, capacity } of after.runners) {
          const had = inherited.filter((one) => one.runner === id).length;
          expect(placed.filter((one) => one.runner === id).length).toBeLessThanOrEqual(Math.max(capacity, had));
        }
        for (const one of after.services)
          expect(placed.filter(({ service: name }) => name === one.name)).toHaveLength(one.replicas);
      }),
      { numRuns: 500 },
    );
  });
});
