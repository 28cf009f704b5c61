import { DomainError } from '../commands/domain-error';
import type { Applier } from './applier';
import type { Log } from './log';
import { noQuorum } from './proposer';

export type Barrier = () => Promise<number>;

/**
 * Linearizable reads: learn the tip through quorum, wait until this node has applied it. Callers that
 * arrive while a round is running share the next one; a round never serves a caller that came after its start.
 *
 * @throws DomainError no_quorum, index_not_reached
 */
export function createBarrier(options: { log: () => Log; applier: Applier; timeoutMs?: number }): Barrier {
  const timeoutMs = options.timeoutMs ?? 5_000;
  let running: Promise<number> | undefined;
  let next: Promise<number> | undefined;

  async function round(): Promise<number> {
    const signal = AbortSignal.timeout(timeoutMs);
    const tip = await options
      .log()
      .barrier(signal)
      .catch(() => {
        throw noQuorum();
      });
    if (!(await options.applier.waitFor(tip, timeoutMs))) {
      throw new DomainError(
        'index_not_reached',
        `this node has not applied index ${tip} yet; try again or ask another node`,
        [],
        1,
      );
    }
    return tip;
  }

  function start(): Promise<number> {
    running = round().finally(() => {
      running = undefined;
    });
    return running;
  }

  return () => {
    if (!running) return start();
    next ??= running
      .catch(() => 0)
      .then(() => {
        next = undefined;
        return start();
      });
    return next;
  };
}
