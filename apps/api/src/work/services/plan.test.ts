import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Action,
  type Placement,
  type PlanInput,
  type PlannedRunner,
  type PlannedService,
  planServices,
} from './plan';

const runner = (id: string, change: Partial<PlannedRunner> = {}): PlannedRunner => ({
  ...{ id, labels: {}, capacity: 10, jobs: 0, drained: false, offlineSince: null },
  ...change,
});
const service = (name: string, replicas: number, change: Partial<PlannedService> = {}): PlannedService => ({
  ...{ name, replicas, labels: {}, revision: 1, maxUnavailable: 1, held: false, distinct: false },
  ...change,
});
const input = (change: Partial<PlanInput>): PlanInput => ({
  ...{ services: [], placements: [], runners: [], failoverMs: 30_000, now: 1_000_000 },
  ...change,
});

/** The placements once the actions were carried out and all is well. */
function carryOut({ placements, services }: PlanInput, actions: readonly Action[]): Placement[] {
  const bySlot = new Map(placements.map((one) => [`${one.service}/${one.slot}`, one]));
  for (const action of actions) {
    const key = `${action.service}/${action.slot}`;
    const revision = services.find(({ name }) => name === action.service)?.revision ?? 0;
    const now = bySlot.get(key);
    if (action.do === 'remove') bySlot.delete(key);
    else if (action.do === 'place') bySlot.set(key, { ...action, revision, healthy: true });
    else if (action.do === 'restart' && now) bySlot.set(key, { ...now, revision, healthy: true });
    else if (action.do === 'wait') bySlot.set(key, { ...action, runner: null, revision, healthy: false });
  }
  return [...bySlot.values()];
}
const placesOf = (placements: readonly Placement[]) => placements.map(({ runner: at }) => at).sort();

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
    const placements: Placement[] = [{ service: 'web', slot: 0, runner: 'a', revision: 1, healthy: true }];
    const at = (now: number, offlineSince: number | null) =>
      planServices(
        input({
          services: [service('web', 1)],
          placements,
          runners: [runner('a', { offlineSince }), runner('b')],
          now,
        }),
      );
    expect(at(29_999, 0)).toEqual([]);
    expect(at(30_000, 0)).toEqual([{ do: 'place', service: 'web', slot: 0, runner: 'b' }]);
    expect(at(30_000, null)).toEqual([]);
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
  });

  it('rolls a revision out with no more away than may be', () => {
    const old: Placement[] = [0, 1, 2].map((slot) => ({
      service: 'web',
      slot,
      runner: 'a',
      revision: 1,
      healthy: true,
    }));
    const world = input({ services: [service('web', 3, { revision: 2 })], placements: old, runners: [runner('a')] });
    expect(planServices(world)).toEqual([{ do: 'restart', service: 'web', slot: 0 }]);
    const first = old.map((one) => (one.slot === 0 ? { ...one, revision: 2, healthy: false } : one));
    expect(planServices({ ...world, placements: first })).toEqual([]);
    const next = first.map((one) => ({ ...one, healthy: true }));
    expect(planServices({ ...world, placements: next })).toEqual([{ do: 'restart', service: 'web', slot: 1 }]);
    expect(
      planServices({ ...world, placements: next, services: [service('web', 3, { revision: 2, held: true })] }),
    ).toEqual([]);
  });

  it('is settled after one round, over no capacity, for any world', () => {
    const worlds = fc.record({
      services: fc.uniqueArray(
        fc.record({ name: fc.constantFrom('a', 'b', 'c'), replicas: fc.nat(6), distinct: fc.boolean() }),
        { selector: ({ name }) => name },
      ),
      runners: fc.uniqueArray(
        fc.record({
          id: fc.constantFrom('1', '2', '3', '4'),
          capacity: fc.integer({ min: 1, max: 5 }),
          drained: fc.boolean(),
          offlineSince: fc.constantFrom(null, 0, 999_999),
        }),
        { selector: ({ id }) => id },
      ),
    });
    fc.assert(
      fc.property(worlds, worlds, (before, after) => {
        const make = (world: typeof before, placements: Placement[]): PlanInput =>
          input({
            services: world.services.map(({ name, ...rest }) => service(name, rest.replicas, rest)),
            runners: world.runners.map(({ id, ...rest }) => runner(id, rest)),
            placements,
          });
        const first = make(before, []);
        const second = make(after, carryOut(first, planServices(first)));
        const placed = carryOut(second, planServices(second));
        const again = planServices({ ...second, placements: placed }).filter((action) => action.do !== 'wait');
        expect(again).toEqual([]);
        for (const { id, capacity } of after.runners) {
          const here = placed.filter((one) => one.runner === id).length;
          const inherited = second.placements.filter((one) => one.runner === id).length;
          expect(here).toBeLessThanOrEqual(Math.max(capacity, inherited));
        }
        for (const one of after.services)
          expect(placed.filter(({ service: name }) => name === one.name)).toHaveLength(one.replicas);
      }),
      { numRuns: 500 },
    );
  });
});
