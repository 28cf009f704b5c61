import { delay } from '../lib/async';
import type { EtcdClient } from './etcd/client';

/** An append this slow is worth a look at the members; the next looks come at this interval. */
const SUSPECT_MS = 200;
const LOOK_MS = 100;

/** Gives up appends that were handed to a leader which is no longer. */
export interface StallGuard {
  /**
   * Runs `attempt` with a signal that aborts when a newer term has a leader, or when `signal` aborts. In the former case
   * the client turns to a member that knows that leader.
   */
  run<T>(attempt: (signal: AbortSignal) => Promise<T>, signal?: AbortSignal): Promise<T>;
  /** Tells the raft term of any answer. */
  observe(raftTerm: string): void;
}

interface PendingAppend {
  settled: boolean;
  readonly giveUp: AbortController;
}

/**
 * A follower that forwarded a write to a dying leader never answers it: the caller would wait out its whole deadline,
 * long after the election. So a slow append asks the members' status, and once one of them knows a leader of a later
 * term it stops waiting. Its outcome is unknown then, which is always a safe thing to say.
 */
export function createStallGuard(client: EtcdClient): StallGuard {
  let term = 0;

  async function watch(startTerm: number, pending: PendingAppend): Promise<void> {
    while (!pending.settled) {
      const endpoints = client.endpoints();
      const looks = endpoints.map(async (endpoint) => {
        const status = await client.call('Maintenance.Status', {}, { retry: 'safe', endpoint, requireLeader: false });
        observe(status.header.raft_term);
        if (status.leader === '0' || Number(status.header.raft_term) <= startTerm) return;
        if (pending.giveUp.signal.aborted) return;
        // The first that knows the new leader takes the next attempt: of the others one may be stopped, or cut off.
        for (const other of endpoints) if (other !== endpoint) client.avoid(other);
        pending.giveUp.abort();
      });
      // A member that doesn't answer must not keep the others from being asked again.
      await Promise.race([Promise.allSettled(looks), delay(LOOK_MS)]);
      await delay(LOOK_MS);
    }
  }

  function observe(raftTerm: string): void {
    term = Math.max(term, Number(raftTerm));
  }

  return {
    observe,
    async run(attempt, signal) {
      const pending: PendingAppend = { settled: false, giveUp: new AbortController() };
      const abort = (): void => pending.giveUp.abort();
      signal?.addEventListener('abort', abort, { once: true });
      // Without a known term every leader would look new.
      const startTerm = term;
      const timer =
        startTerm > 0 ? setTimeout(() => void watch(startTerm, pending).catch(() => {}), SUSPECT_MS) : undefined;
      try {
        return await attempt(pending.giveUp.signal);
      } finally {
        pending.settled = true;
        clearTimeout(timer);
        signal?.removeEventListener('abort', abort);
      }
    },
  };
}
