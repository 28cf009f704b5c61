import { expect, it } from 'vitest';
import { aheadOfMajority, createClockGuard } from './clock-guard';

const HOUR = 3_600_000;

it.each([
  ['nobody to compare with', [], 0],
  ['one other, and we are ahead of it', [-HOUR], HOUR],
  ['one of two is behind: that one is wrong', [-HOUR, 5], 0],
  ['ahead of both', [-HOUR, -HOUR - 10], HOUR],
  ['ahead of two of four: undecided', [-HOUR, -HOUR, 0, 0], 0],
  ['ahead of three of four', [-HOUR, -HOUR, -HOUR, 0], HOUR],
  ['behind, which does no harm', [HOUR, HOUR], 0],
])('%s', (_what, offsets, expected) => {
  expect(aheadOfMajority(offsets)).toBe(expected);
});

it('sees a jump between two measurements, and trusts the clock again once it is set right', () => {
  let wall = Date.UTC(2030, 0, 1);
  let uptime = 1_000;
  const guard = createClockGuard(
    () => wall,
    () => uptime,
  );
  const pass = (ms: number): void => {
    wall += ms;
    uptime += ms;
  };
  /** Others whose clocks are right, but for so many ms. */
  const measure = (...errorsMs: number[]): void => guard.measured(errorsMs.map((error) => right() + error));
  const right = (): number => Date.UTC(2030, 0, 1) - 1_000;
  measure(3, -2);
  pass(500);
  expect(guard.refusal()).toBeUndefined();

  wall += HOUR;
  expect(guard.aheadMs()).toBeCloseTo(HOUR, -1);
  expect(guard.refusal()).toMatchObject({ code: 'not_ready', message: expect.stringMatching(/3600 s ahead/) });
  pass(500);
  measure(0, 4);
  expect(guard.refusal()).toBeDefined();

  wall -= HOUR;
  expect(guard.refusal()).toBeUndefined();
  measure(1, 2);
  expect(guard.refusal()).toBeUndefined();
});

it('has no opinion on a node that is alone', () => {
  let wall = 0;
  const guard = createClockGuard(
    () => wall,
    () => 0,
  );
  wall += HOUR;
  expect(guard.refusal()).toBeUndefined();
});
