/** How often a runner says that it is there. */
export const HEARTBEAT_MS = 1_000;
/** A runner whose last acknowledged heartbeat is older kills its jobs. */
export const LEASE_MS = 10_000;
/** The leader waits this much longer: for clocks that run at different speeds, and for killing. */
export const LEASE_MARGIN_MS = 5_000;
