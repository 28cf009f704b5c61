import type { ServiceSpec } from '@quorate/shared/services';

/** What is known of a replica that runs the revision which is rolled out. */
export interface RolledReplica {
  readonly slot: number;
  readonly generation: number;
  readonly revision: number;
  readonly state: string;
  readonly reason: string;
  readonly restarts: number;
  readonly placedAt: number;
  readonly stateAt: number;
  readonly leaving: boolean;
  /** Since when its runner is online, ms; null = it is offline. */
  readonly onlineSince: number | null;
}

/** What a roll-out has come to; undefined while it goes on. */
export type Verdict =
  | { readonly outcome: 'finished' }
  | { readonly outcome: 'failed'; readonly slot: number; readonly generation: number; readonly why: string };

/** Starts of one generation that failed. */
const MAX_RESTARTS = 3;
/** On top of the time that stopping the old one and starting may take. */
const SLACK_MS = 10_000;
const DEFAULT_START_MS = 30_000;

/** How long a replica is healthy before it counts, ms: one without a check is healthy as soon as it runs. */
export const settleMs = ({ health }: ServiceSpec): number => (health.type === 'none' ? 3_000 : 500);

/** When a replica that is not healthy has failed, ms after its generation began. */
export const deadlineMs = ({ health, stop_grace_seconds: grace }: ServiceSpec): number =>
  (health.type === 'none' ? DEFAULT_START_MS : health.start_seconds * 1000) + grace * 1000 + SLACK_MS;

/** Whether it is healthy, and for long enough to count. */
export const isSettled = (
  { state, stateAt, onlineSince }: Pick<RolledReplica, 'state' | 'stateAt' | 'onlineSince'>,
  spec: ServiceSpec,
  now: number,
): boolean => state === 'healthy' && onlineSince !== null && now - stateAt >= settleMs(spec);

function failureOf(replica: RolledReplica, spec: ServiceSpec, now: number): string | undefined {
  const { slot, state, restarts, reason, placedAt, onlineSince } = replica;
  if (onlineSince === null) return undefined;
  // When it would have been started next is of no interest once it has been given up.
  const cause = reason.replace(/ \(failure \d+ in a row; next start at [^)]*\)$/, '');
  const because = cause === '' ? '' : `: ${cause}`;
  if (restarts >= MAX_RESTARTS)
    return `replica ${slot} was started ${restarts + 1} times and does not stay up${because}`;
  if (state === 'healthy') return undefined;
  const waitedMs = now - Math.max(placedAt, onlineSince);
  if (waitedMs < deadlineMs(spec)) return undefined;
  return `replica ${slot} is not healthy after ${Math.round(waitedMs / 1000)} s${because}`;
}

export interface Rollout {
  readonly revision: number;
  readonly spec: ServiceSpec;
  /** Replicas that shall run. */
  readonly desired: number;
  /** It is known to have failed, with nothing to go back to; it may become well yet. */
  readonly hasFailed: boolean;
}

/**
 * Judges the roll-out of a revision by the replicas that have a place; those that wait for one get the revision with it.
 * Pure. `now` in ms.
 */
export function judgeRollout(
  { revision, spec, desired, hasFailed }: Rollout,
  replicas: readonly RolledReplica[],
  now: number,
): Verdict | undefined {
  for (const replica of hasFailed ? [] : replicas) {
    if (replica.revision !== revision || replica.leaving) continue;
    const why = failureOf(replica, spec, now);
    if (why) return { outcome: 'failed', slot: replica.slot, generation: replica.generation, why };
  }
  if (replicas.length === 0 && desired > 0) return undefined;
  const isDone = replicas.every((one) => one.revision === revision && !one.leaving && isSettled(one, spec, now));
  return isDone ? { outcome: 'finished' } : undefined;
}
