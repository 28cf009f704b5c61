/** How long a replica that failed waits before it is started again. */
export interface BackoffOptions {
  readonly firstMs: number;
  readonly capMs: number;
  /** A replica that was healthy for so long had nothing to do with earlier failures. */
  readonly stableMs: number;
}

export const BACKOFF: BackoffOptions = { firstMs: 500, capMs: 60_000, stableMs: 60_000 };

/**
 * The wait after the `failures`th failure in a row (from 1): doubled each time up to the cap, and between half and all of that,
 * so that replicas that failed together do not come back together. `chance` is from 0 to 1.
 */
export function backoffMs({ firstMs, capMs }: BackoffOptions, failures: number, chance: number): number {
  const whole = Math.min(capMs, firstMs * 2 ** Math.min(30, Math.max(0, failures - 1)));
  return Math.round(whole * (0.5 + chance / 2));
}
