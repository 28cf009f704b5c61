/**
 * The node's clock as seen from the browser. An operator's laptop may be minutes off: times that the
 * node wrote are compared with the node's own clock, learnt from the `Date` header of its answers.
 */
let offsetMs = 0;

/** Takes the `Date` header of an answer; differences below 3 s are within its resolution and ignored. */
export function learnServerTime(dateHeader: string | null): void {
  const at = dateHeader === null ? Number.NaN : Date.parse(dateHeader);
  if (Number.isNaN(at)) return;
  const difference = at - Date.now();
  offsetMs = Math.abs(difference) < 3000 ? 0 : difference;
}

/** Milliseconds since 1970 by the node's clock. */
export const serverNow = (): number => Date.now() + offsetMs;
