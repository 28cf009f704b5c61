/** How often a runner says that it is there. */
export const HEARTBEAT_MS = 1_000;
/** A runner whose last acknowledged heartbeat is older kills its jobs. */
export const LEASE_MS = 10_000;
/** A core whose state may be older renews no lease: its runner may have been called offline meanwhile. */
export const PROOF_MAX_AGE_MS = 3_000;
/** The leader waits this much longer: for clocks that run at different speeds, and for killing. */
export const LEASE_MARGIN_MS = 5_000;
/** How often a runner measures itself. */
export const SAMPLE_MS = 2_000;
/** A core exposes what a runner measured for so long after the last frame that the runner can have sent. */
export const EXPORT_LEASE_MS = 5_000;
/** A runner waits this much longer before it gives its measurements to another core: clocks run at different speeds. */
export const EXPORT_MARGIN_MS = 500;
