import { MAX_CLOCK_SKEW_MS } from '@quorate/shared/join-protocol';
import { DomainError } from '../commands/domain-error';
import type { Clock } from '../lib/clock';

/** Keeps a node whose clock runs ahead from dating commands. */
export interface ClockGuard {
  /** How far this node's clock is ahead of most others, ms; 0 when it is not, or nobody can be asked. */
  aheadMs(): number;
  /** The refusal of a write now, or undefined. */
  refusal(): DomainError | undefined;
  /** Takes the others' clocks minus our monotonic one, ms, as last measured. */
  measured(offsetsMs: readonly number[]): void;
}

/** What a strict majority of the others agrees on at least; 0 when there are none or they disagree. Pure. */
export function aheadOfMajority(offsetsMs: readonly number[]): number {
  const ahead = offsetsMs.map((offset) => -offset).sort((a, b) => b - a);
  return Math.max(0, ahead[Math.floor(offsetsMs.length / 2)] ?? 0);
}

/**
 * Time in the replicated state never goes back, so one command from a clock that is an hour ahead would move the whole
 * cluster an hour ahead: tokens would live longer, sessions end. A clock that is behind does no harm. The others are
 * measured by the monotonic clock, so a jump shows at once, also one in the middle of a measurement.
 */
export function createClockGuard(clock: Clock, monotonic: () => number = () => performance.now()): ClockGuard {
  let others: readonly number[] = [];

  function aheadMs(): number {
    const own = clock() - monotonic();
    return aheadOfMajority(others.map((offset) => offset - own));
  }

  return {
    aheadMs,
    refusal() {
      const by = aheadMs();
      if (by <= MAX_CLOCK_SKEW_MS) return undefined;
      const seconds = Math.round(by / 1000);
      const detail = `the clock of this node is ${seconds} s ahead of the other members', so it dates no writes`;
      return new DomainError('not_ready', `${detail}; set it right (NTP), and send writes to another node`, [], 1);
    },
    measured(offsetsMs) {
      others = offsetsMs;
    },
  };
}
