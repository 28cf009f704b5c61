export interface TimePoint {
  /** Milliseconds since 1970. */
  readonly atMs: number;
  readonly value: number;
}

/** A round number at or above `value`, so that the scale reads well. */
export function niceTop(value: number): number {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  const top = [1, 2, 4, 5, 10].find((factor) => factor * power >= value) ?? 10;
  return top * power;
}

/** The corners of the line: those of a staircase when each value holds until the next. */
export function cornersOf(points: readonly TimePoint[], toMs: number, step: boolean): TimePoint[] {
  if (!step) return [...points];
  const corners: TimePoint[] = [];
  for (const point of points) {
    const before = corners.at(-1);
    if (before) corners.push({ atMs: point.atMs, value: before.value });
    corners.push(point);
  }
  const last = corners.at(-1);
  return last ? [...corners, { atMs: toMs, value: last.value }] : [];
}
