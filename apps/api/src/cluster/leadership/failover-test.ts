import type { FailoverTest } from '@quorate/shared/failovers';
import { delay } from '../../lib/async';
import { uuidv7 } from '../../lib/ids';
import type { Proposer } from '../../replication/proposer';
import { SYSTEM_ACTOR } from '../founding';
import type { Membership } from '../membership';
import { probeWrite } from './commands';

const BEFORE_MS = 300;
const AFTER_MS = 700;
const PAUSE_MS = 5;
const WRITE_TIMEOUT_MS = 5_000;

/** Writes one after the other, as fast as they are acknowledged, and remembers when. */
function startProbe(proposer: Proposer) {
  const acknowledged: number[] = [];
  const tookMs: number[] = [];
  let failed = 0;
  let stopped = false;

  async function run(): Promise<void> {
    while (!stopped) {
      const startedMs = performance.now();
      try {
        await proposer.propose(probeWrite, {}, { actor: SYSTEM_ACTOR, id: uuidv7(), timeoutMs: WRITE_TIMEOUT_MS });
        acknowledged.push(performance.now());
        tookMs.push(performance.now() - startedMs);
      } catch {
        failed += 1;
        await delay(PAUSE_MS);
      }
      await delay(PAUSE_MS);
    }
  }
  const running = run();
  return {
    async stop() {
      stopped = true;
      await running;
      const gaps = acknowledged.slice(1).map((at, index) => at - (acknowledged[index] ?? at));
      const middle = tookMs.toSorted((a, b) => a - b)[Math.floor(tookMs.length / 2)] ?? 0;
      return {
        write_gap_ms: Math.round(Math.max(0, ...gaps)),
        usual_write_ms: Math.round(middle * 10) / 10,
        writes: acknowledged.length,
        failed_writes: failed,
      };
    },
  };
}

/**
 * Hands leadership over while a probe on this node writes through the log like any client. The gap is the longest time
 * between two acknowledged writes, one ordinary write included. @throws DomainError what a transfer is refused with
 */
export async function testFailover(
  deps: { membership: Membership; proposer: Proposer },
  to: number | null,
  requestedBy: string,
): Promise<FailoverTest> {
  const probe = startProbe(deps.proposer);
  try {
    await delay(BEFORE_MS);
    const { from, to: next, term } = await deps.membership.transferLeadership(to, { reason: 'test', requestedBy });
    await delay(AFTER_MS);
    return { from, to: next, term, ...(await probe.stop()) };
  } catch (error) {
    await probe.stop();
    throw error;
  }
}
