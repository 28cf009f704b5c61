import { withTimeout } from '../lib/async';
import type { Reconciler } from '../reconcile/driver';

/** How old this core's state can be. */
export interface Freshness extends Reconciler {
  /** Everything that was committed before this time (performance.now()) is applied here. */
  provenAt(): number;
}

const INTERVAL_MS = 500;
const TIMEOUT_MS = 1_000;

/**
 * Proves again and again, through a quorum, that nothing was missed: who renews leases by a state that is old would keep
 * alive what the leader has given away already.
 */
export function createFreshness(barrier: () => Promise<unknown>): Freshness {
  let provenAt = Number.NEGATIVE_INFINITY;
  return {
    name: 'freshness',
    intervalMs: INTERVAL_MS,
    provenAt: () => provenAt,
    async run() {
      const startedAt = performance.now();
      // No quorum: nothing is proven, and whoever asks sees how long ago the last time was.
      const held = await withTimeout(barrier(), TIMEOUT_MS, 'no proof in time').then(
        () => true,
        () => false,
      );
      if (held) provenAt = startedAt;
    },
  };
}
