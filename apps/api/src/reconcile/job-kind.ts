import type { CommandDefinition } from '../commands/define-command';
import type { StateDb } from '../db/state-store';

/** One attempt of a job that the cluster makes itself. */
export interface CoreAttempt<Spec> {
  readonly id: string;
  readonly attempt: number;
  readonly spec: Spec;
  readonly cancelRequested: boolean;
  readonly db: StateDb;
  /** This node, which leads. */
  readonly nodeId: number;
  /** Proposes under an id that is made of the job, the attempt and `step`: done once, however often it is asked for. */
  propose<Input, Result>(command: CommandDefinition<Input, Result>, input: Input, step: string): Promise<Result>;
  /** A UUID that is always the same for this attempt and step, and sorts by the time of the job. */
  uuid(step: string): string;
}

export interface CoreEnd {
  readonly outcome: 'succeeded' | 'failed';
  /** Why it failed; empty else. */
  readonly error: string;
  /** A sentence on what came of it: what its log shows. */
  readonly output: string;
}

/**
 * A kind of job that no runner executes. The leader calls `step` again and again, half a second apart, until it gives an end;
 * a new leader goes on with it. So a step begins what is not begun yet, through the log, or looks how far it is: it must be
 * harmless to repeat, and must not wait for anything long.
 */
export interface JobKind<Spec = never> {
  readonly kind: string;
  /** @throws DomainError ends the attempt as failed, with its detail; anything else: it is called again */
  step(attempt: CoreAttempt<Spec>): Promise<CoreEnd | undefined>;
}
