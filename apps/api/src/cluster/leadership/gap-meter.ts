import type { MEASURED_FROM } from '@quorate/shared/failovers';

export interface WriteGap {
  readonly writeGapMs: number;
  readonly measuredFrom: (typeof MEASURED_FROM)[number];
}

/** Remembers when nothing was committed, as seen by this node. All times are of one monotonic clock, in ms. */
export interface GapMeter {
  /** An entry was applied. */
  applied(nowMs: number): void;
  /**
   * The longest silence that reaches beyond the moment at which the old leader was last seen. Where nothing had been
   * written for a second before that moment, idle time is left out and the silence counts from there.
   */
  gapAround(leaderLastSeenMs: number): WriteGap | undefined;
}

/** Shorter silences are ordinary writing. */
const LEAST_MS = 5;
const KEPT = 1_024;
const FLOWING_MS = 1_000;

export function createGapMeter(): GapMeter {
  let lastMs: number | undefined;
  let silences: { from: number; to: number }[] = [];
  return {
    applied(nowMs) {
      if (lastMs !== undefined && nowMs - lastMs >= LEAST_MS) {
        silences = [...silences.slice(1 - KEPT), { from: lastMs, to: nowMs }];
      }
      lastMs = nowMs;
    },
    gapAround(leaderLastSeenMs) {
      if (lastMs === undefined || lastMs < leaderLastSeenMs) return undefined;
      const flowing = (silence: { from: number }): boolean => silence.from >= leaderLastSeenMs - FLOWING_MS;
      const startOf = (silence: { from: number }): number => (flowing(silence) ? silence.from : leaderLastSeenMs);
      const around = silences.filter(({ to }) => to >= leaderLastSeenMs);
      const longest = around.sort((a, b) => b.to - startOf(b) - (a.to - startOf(a)))[0];
      if (!longest) return { writeGapMs: LEAST_MS, measuredFrom: 'last_write' };
      const writeGapMs = Math.round(longest.to - startOf(longest));
      return { writeGapMs, measuredFrom: flowing(longest) ? 'last_write' : 'leader_last_seen' };
    },
  };
}
