import { expect, it } from 'vitest';
import { cornersOf, niceTop } from './time-scale';

it.each([
  [0, 1],
  [1, 1],
  [3, 4],
  [7, 10],
  [60, 100],
  [250, 400],
])('puts the top of the scale for %d at %d', (value, top) => {
  expect(niceTop(value)).toBe(top);
});

it('draws a staircase that holds to the end', () => {
  const points = [
    { atMs: 0, value: 1 },
    { atMs: 10, value: 3 },
  ];
  expect(cornersOf(points, 20, true)).toEqual([
    { atMs: 0, value: 1 },
    { atMs: 10, value: 1 },
    { atMs: 10, value: 3 },
    { atMs: 20, value: 3 },
  ]);
  expect(cornersOf(points, 20, false)).toEqual(points);
  expect(cornersOf([], 20, true)).toEqual([]);
});
