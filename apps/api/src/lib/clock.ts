/** Wall clock in milliseconds since the epoch. Injected, so that tests can jump it; never read inside `apply`. */
export type Clock = () => number;

export const systemClock: Clock = () => Date.now();

export const toTimestamp = (atMs: number): string => new Date(atMs).toISOString();
