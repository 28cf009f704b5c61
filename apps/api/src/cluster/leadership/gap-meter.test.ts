import { expect, it } from 'vitest';
import { createGapMeter } from './gap-meter';

function metered(times: readonly number[]) {
  const meter = createGapMeter();
  for (const time of times) meter.applied(time);
  return meter;
}
const every = (ms: number, from: number, to: number): number[] =>
  Array.from({ length: Math.floor((to - from) / ms) + 1 }, (_, n) => from + n * ms);

it('measures between two writes while they flow, wherever the old leader was last seen in the gap', () => {
  const times = [...every(10, 0, 5_000), ...every(10, 5_400, 6_000)];
  for (const seen of [4_995, 5_000, 5_100, 5_300]) {
    expect(metered(times).gapAround(seen)).toEqual({ writeGapMs: 400, measuredFrom: 'last_write' });
  }
});

it('leaves idle time out: nothing was written long before the old leader was last seen', () => {
  expect(metered([0, 60_350]).gapAround(60_000)).toEqual({ writeGapMs: 350, measuredFrom: 'leader_last_seen' });
});

it('does not take an older silence for the gap', () => {
  const times = [...every(10, 0, 1_000), ...every(10, 4_000, 5_000), ...every(10, 5_200, 5_500)];
  expect(metered(times).gapAround(5_050)).toEqual({ writeGapMs: 200, measuredFrom: 'last_write' });
});

it('says nothing while no entry followed', () => {
  expect(metered([]).gapAround(0)).toBeUndefined();
  expect(metered([10]).gapAround(20)).toBeUndefined();
});
