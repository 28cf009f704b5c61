import { setTimeout as delay } from 'node:timers/promises';

/** Longest time between two looks. */
const SELDOM_MS = 200;

/** Bound on conditions that hold within a second or two on a quiet machine; busy ones get their chance too. */
export const PATIENCE_MS = 45_000;

/** Thrown inside a condition to stop waiting at once: it can't come true any more. */
export class Hopeless extends Error {
  override readonly name = 'Hopeless';
}

export interface UntilOptions {
  readonly boundMs?: number;
  /** Between two looks. Without it they get rarer, so that a long wait does not keep the machine busy. */
  readonly everyMs?: number;
}

/**
 * Polls until `condition` gives something truthy and returns that. What it throws counts as "not yet".
 *
 * @throws Error naming `what` and the last obstacle after `boundMs`
 */
export async function until<T>(
  what: string,
  condition: () => Promise<T | false | null | undefined> | T | false | null | undefined,
  { boundMs = PATIENCE_MS, everyMs }: UntilOptions = {},
): Promise<T> {
  const deadline = performance.now() + boundMs;
  let last = '';
  for (let pauseMs = 25; ; pauseMs = Math.min(pauseMs * 1.25, SELDOM_MS)) {
    try {
      const value = await condition();
      if (value) return value;
      last = '';
    } catch (error) {
      if (error instanceof Hopeless) throw error;
      last = error instanceof Error ? error.message : String(error);
    }
    if (performance.now() > deadline) {
      throw new Error(`not within ${boundMs} ms: ${what}${last ? ` (last: ${last})` : ''}`);
    }
    await delay(everyMs ?? pauseMs);
  }
}
