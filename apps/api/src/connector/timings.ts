/** The active node acts at most this long after the start of the last proof that it still holds the lease. */
export const PROOF_MS = 1_500;
/** How often it proves it, how long it waits for the answer, and how soon it asks again when there was none. */
export const PROVE_EVERY_MS = 300;
export const PROVE_TIMEOUT_MS = 600;
export const PROVE_RETRY_MS = 50;
/** A successor waits this much longer than the proof time: for clocks that run at different speeds. */
export const PROOF_MARGIN_MS = 250;
/** A connection over which nothing has come for so long is dead; the other side is asked each second. */
export const SILENCE_MS = 3_000;
export const PING_EVERY_MS = 1_000;
/** To connect, and for the welcome. */
export const CONNECT_MS = 3_000;
/** The first to claim go first: each rank waits so much longer. */
export const RANK_MS = 300;
/** For so long a free lease is left to the node for which it was given up. */
export const PREFERRED_MS = 2_000;
/** So long a holder that answers must have failed to prove its lease before another one takes it. */
export const UNPROVEN_MS = 2_000;
/** A primary takes back when it has been ready for so long. */
export const PRIMARY_STABLE_MS = 5_000;
/** An active node without its upstream for so long yields to one that reaches it. */
export const UPSTREAM_LOST_MS = 1_000;
/** A connection that lasted so long was a good one: the next failure starts with a short pause again. */
export const GOOD_AFTER_MS = 30_000;
/** The longest pause between two attempts, before jitter. */
export const MAX_PAUSE_MS = 30_000;

/** A pause before attempt `failures + 1`: doubling from a second, with jitter of half of it to either side. */
export function pauseMs(failures: number, random: () => number = Math.random): number {
  if (failures <= 0) return Math.round(random() * 250);
  const base = Math.min(MAX_PAUSE_MS, 1_000 * 2 ** Math.min(failures - 1, 10));
  return Math.round(base * (0.5 + random()));
}
