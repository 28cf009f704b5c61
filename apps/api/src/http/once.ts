import { z } from 'zod';
import { type CommandDefinition, defineCommand } from '../commands/define-command';
import { DomainError } from '../commands/domain-error';
import { delay } from '../lib/async';
import { uuidv7 } from '../lib/ids';

/** Somebody begins to do what a request asks for: the first one under an id does it. */
export const claimRequest = defineCommand({
  type: 'requests.claim',
  since: 1,
  audited: false,
  input: z.object({ attempt: z.uuid(), node: z.int() }),
  apply: (_tx, input) => input,
});

/** What came of it, as JSON; null = it was refused, so the next one with that key may try. */
export const answerRequest = defineCommand({
  type: 'requests.answer',
  since: 1,
  audited: false,
  input: z.object({
    answer: z
      .string()
      .max(64 * 1024)
      .nullable(),
  }),
  apply: (_tx, input) => input,
});

export const requestCommands = [claimRequest, answerRequest];

/** One try under an Idempotency-Key: its commands and secrets are its own. */
export interface Attempt {
  propose<Input, Result>(command: CommandDefinition<Input, Result>, input: Input, suffix: string): Promise<Result>;
  /** The outcome of such a command, as this node knows it. */
  outcome<Result>(suffix: string): Result | undefined;
}

export interface OnceOptions<T> {
  /** Does no harm when it is done again: then it is done without a quorum, too, which can remember nothing. */
  readonly harmless?: boolean;
  /** What an attempt that left no answer (its node died) has brought about all the same. */
  readonly found?: () => T | undefined;
}

/** Refused so many times under one key, a request is wrong, not unlucky. */
const MAX_ATTEMPTS = 20;
/** How long a repeated request waits for the answer to the first. */
const WAIT_MS = 10_000;
const POLL_MS = 50;

/**
 * Does what lies outside of the log once, whichever nodes a request with an Idempotency-Key is sent to: a claim in the
 * log decides who does it, the others wait for the answer that is left there.
 *
 * @throws DomainError idempotency_key_reused; conflict when the one who began has not answered
 */
export async function doOnce<T>(
  deps: { readonly nodeId: number; readonly signal: AbortSignal; readonly attemptAt: (n: number) => Attempt },
  act: () => Promise<T>,
  options: OnceOptions<T>,
): Promise<T> {
  for (let n = 0; n < MAX_ATTEMPTS; n++) {
    const attempt = deps.attemptAt(n);
    const own = { attempt: uuidv7(), node: deps.nodeId };
    let claim: typeof own;
    try {
      claim = await attempt.propose(claimRequest, own, 'claim');
    } catch (error) {
      if (options.harmless && error instanceof DomainError && error.code === 'no_quorum') return act();
      throw error;
    }
    if (claim.attempt === own.attempt) return carryOut(attempt, act);
    const { answer } = await waitForAnswer(attempt, claim.node, deps.signal, options.found);
    if (answer !== null) return answer;
  }
  throw new DomainError(
    'conflict',
    `this request was refused ${MAX_ATTEMPTS} times; send it with a new Idempotency-Key`,
  );
}

async function carryOut<T>(attempt: Attempt, act: () => Promise<T>): Promise<T> {
  let result: T;
  try {
    result = await act();
  } catch (error) {
    // Anything else may have been done in part: then nobody may take it for undone.
    if (error instanceof DomainError) await leave(attempt, null);
    throw error;
  }
  await leave(attempt, JSON.stringify(result ?? {}));
  return result;
}

/** Whoever comes without it is told that there is no answer. */
const leave = (attempt: Attempt, answer: string | null): Promise<unknown> =>
  attempt.propose(answerRequest, { answer }, 'answer').catch(() => undefined);

async function waitForAnswer<T>(
  attempt: Attempt,
  node: number,
  signal: AbortSignal,
  found: OnceOptions<T>['found'],
): Promise<{ answer: T | null }> {
  const deadline = performance.now() + WAIT_MS;
  for (;;) {
    const left = attempt.outcome<{ answer: string | null }>('answer');
    if (left) return { answer: left.answer === null ? null : (JSON.parse(left.answer) as T) };
    const brought = found?.();
    if (brought !== undefined) return { answer: brought };
    if (signal.aborted || performance.now() > deadline) break;
    await delay(POLL_MS, signal);
  }
  const cure = 'ask again; if it never answers, look what became of it and use a new key';
  throw new DomainError('conflict', `node ${node} began this request and has not answered yet: ${cure}`, [], 5);
}
