import type { JoinStage } from '@quorate/shared/joins';

/** How far a join came before it stopped: `configured` is before anything was sent. */
export type JoinProgress = 'configured' | JoinStage;

/** A join stopped. `code` is an error code of the API or one of the joiner's own. */
export class JoinError extends Error {
  override readonly name = 'JoinError';
  constructor(
    /** The last stage that was reached. */
    readonly stage: JoinProgress,
    readonly code: string,
    message: string,
    /** What to do next, as one sentence. */
    readonly cure: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }

  /** True when the same attempt may succeed later, with nothing changed here. */
  get retryable(): boolean {
    return RETRYABLE.has(this.code);
  }
}

const RETRYABLE: ReadonlySet<string> = new Set([
  'unreachable',
  'no_quorum',
  'not_ready',
  'overloaded',
  'outcome_unknown',
  'too_many_requests',
  'membership_change_in_progress',
]);
