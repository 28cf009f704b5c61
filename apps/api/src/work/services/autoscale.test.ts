import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decide, type Load, type Wanted } from './autoscale';

const limits = fc
  .tuple(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 0, max: 50 }))
  .map(([min, more]) => ({ min, max: min + more }));
const metric = fc.constantFrom('cpu' as const, 'queue' as const);
const target = fc.integer({ min: 1, max: 100 });
const anyLoad: fc.Arbitrary<Load> = fc
  .record({
    ...{ limits, metric, target, current: fc.integer({ min: 0, max: 120 }) },
    values: fc.array(fc.double({ min: 0, max: 1_000, noNaN: true }), { maxLength: 120 }),
  })
  .map(({ limits: { min, max }, values, ...rest }) => ({
    ...{ ...rest, min, max },
    values: values.slice(0, rest.metric === 'queue' ? 1 : rest.current),
  }));
const anyHistory: fc.Arbitrary<Wanted[]> = fc.array(
  fc.record({ at: fc.integer(), replicas: fc.integer({ min: 1, max: 100 }) }),
  { maxLength: 20 },
);
/** What each of so many replicas uses of a whole. */
const shared = (whole: number, load: Omit<Load, 'values'>): Load => ({
  ...load,
  values: load.metric === 'queue' ? [whole] : Array.from({ length: load.current }, () => whole / load.current),
});

/** Decides again and again for a load that stays, with the whole history as the window. */
function settle(whole: number, start: Omit<Load, 'values'>, rounds = 60): number[] {
  const numbers = [start.current];
  let before: Wanted[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const load = shared(whole, { ...start, current: numbers.at(-1) ?? 0 });
    const { to, wanted } = decide(load, before, true);
    before = wanted === null ? before : [...before, { at: round, replicas: wanted }].slice(-3);
    numbers.push(to);
  }
  return numbers;
}

describe('the decision', () => {
  it('never leaves the limits', () => {
    fc.assert(
      fc.property(anyLoad, anyHistory, fc.boolean(), (load, before, full) => {
        const { to } = decide(load, before, full);
        return to >= load.min && to <= load.max;
      }),
    );
  });

  it('asks for no fewer replicas when the load is higher', () => {
    const scale = fc.double({ min: 1, max: 10, noNaN: true });
    fc.assert(
      fc.property(anyLoad, anyHistory, fc.boolean(), scale, (load, before, full, factor) => {
        const higher = { ...load, values: load.values.map((value) => value * factor) };
        return decide(higher, before, full).to >= decide(load, before, full).to;
      }),
    );
  });

  it('comes to rest without turning back while the load stays as it is', () => {
    // Of what the limits are enough for, so that most loads lie between them.
    const share = fc.integer({ min: 0, max: 1300 }).map((n) => n / 1000);
    const start = fc
      .record({ limits, metric, target, share: fc.integer({ min: 0, max: 100 }).map((n) => n / 100) })
      .map(({ limits: { min, max }, share, ...rest }) => {
        return { ...rest, min, max, current: min + Math.round((max - min) * share) };
      });
    fc.assert(
      fc.property(share, start, (part, from) => {
        const load = part * from.max * from.target;
        const numbers = settle(load, from);
        const turns = numbers.slice(1).map((to, index) => Math.sign(to - (numbers[index] ?? 0)));
        expect(new Set(turns.filter((turn) => turn !== 0)).size).toBeLessThanOrEqual(1);
        expect(numbers.at(-1)).toBe(numbers.at(-2));
        // At rest it is right, within the tolerance and the limits.
        const rest = numbers.at(-1) ?? 0;
        const needed = load / from.target;
        if (rest < from.max) expect(needed).toBeLessThanOrEqual(rest * 1.1 + 1e-3);
        if (rest > from.min) expect(needed).toBeGreaterThan((rest - 1) * 0.9 - 1e-3);
      }),
    );
  });

  it('goes down to no less than what was wanted in the window, and waits until it is full', () => {
    const idle: Load = { current: 8, min: 1, max: 10, metric: 'queue', target: 10, values: [0] };
    expect(decide(idle, [{ at: 0, replicas: 6 }], true)).toMatchObject({ to: 6, kind: 'changed' });
    expect(decide(idle, [{ at: 0, replicas: 8 }], true)).toMatchObject({
      ...{ to: 8, kind: 'stabilising', wanted: 1 },
      reason: '0 jobs are queued, the target is 10: 1 would do, but more were needed a short time ago (8)',
    });
    expect(decide(idle, [], false)).toMatchObject({ to: 8, kind: 'stabilising' });
    expect(decide(idle, [], true)).toMatchObject({ to: 4, kind: 'changed' });
  });

  it('goes up at once, in bounded steps, and says when it may not', () => {
    const busy: Load = { current: 2, min: 1, max: 30, metric: 'cpu', target: 50, values: [100, 90] };
    const reason = 'CPU is at 95 % on average, the target is 50: 4 are needed';
    expect(decide(busy, [], false)).toMatchObject({ to: 4, kind: 'changed', reason, value: 95 });
    const flooded: Load = { current: 2, min: 1, max: 30, metric: 'queue', target: 10, values: [1000] };
    expect(decide(flooded, [], false)).toMatchObject({ to: 6, wanted: 30 });
    expect(decide({ ...flooded, current: 30 }, [], false)).toMatchObject({
      ...{ to: 30, kind: 'at_limit' },
      reason: '1000 jobs are queued, the target is 10: 100 would be right, but no more than 30 are allowed',
    });
  });

  it('takes replicas that were not measured yet for neither idle nor busy', () => {
    const grown: Load = { current: 4, min: 1, max: 30, metric: 'cpu', target: 50, values: [100, 100] };
    expect(decide(grown, [], true)).toMatchObject({ to: 4, kind: 'fits' });
    expect(decide({ ...grown, values: [] }, [], true)).toMatchObject({ to: 4, kind: 'not_known', value: null });
    expect(decide({ ...grown, values: [5, 5] }, [], true)).toMatchObject({ to: 3 });
  });
});
