import { withTimeout } from '../../lib/async';
import { LogUnavailable } from '../../replication/log';
import type { Proposer } from '../../replication/proposer';
import type { Journal } from '../journal';

/** Longest time for which writes are held; they wait that long inside their own budget. */
export const MAX_HOLD_MS = 3_000;

/**
 * Holds this node's writes, so that a new epoch can begin between two entries of a busy log. It ends by itself: a node
 * that asked for it and died holds up nobody. Holding only helps; what makes the switch safe is the comparison in etcd.
 */
export interface WriteHold {
  /** Resolves when what was under way is settled, or after `ms`. */
  hold(ms: number): Promise<void>;
  release(): void;
}

export function createWriteHold(deps: { proposer: Proposer; journal: () => Journal }): WriteHold {
  let timer: NodeJS.Timeout | undefined;

  function release(): void {
    if (!timer) return;
    clearTimeout(timer);
    timer = undefined;
    try {
      deps.proposer.attach(deps.journal().log);
    } catch (error) {
      // A node that has just started has no log yet; its first one ends the hold.
      if (!(error instanceof LogUnavailable)) throw error;
    }
  }

  return {
    async hold(ms) {
      clearTimeout(timer);
      timer = setTimeout(release, Math.min(ms, MAX_HOLD_MS));
      await withTimeout(deps.proposer.pause(), ms, 'writes under way did not settle').catch(() => undefined);
    },
    release,
  };
}
