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
  /** On the clock of performance.now(). */
  readonly sentAt: number;
  /** The newest term known when it was sent; 0 = none, and then every leader would look new. */
  readonly term: number;
  /** Shared by all that were sent in that term. */
  readonly giveUp: AbortController;
}

/**
 * A follower that forwarded a write to a dying leader never answers it: the caller would wait out its whole deadline,
 * long after the election. So a slow append asks the members' status, and once one of them knows a leader of a later
 * term all that were sent before stop waiting. Their outcome is unknown then, which is always a safe thing to say.
 */
export function createStallGuard(client: EtcdClient): StallGuard {
  let term = 0;
  let giveUp = new AbortController();
  /** In the order in which they were sent. */
  const pending = new Set<PendingAppend>();
  let timer: NodeJS.Timeout | undefined;

  /** One timer for all: an append costs none of its own. */
  function watchFor(ms: number): void {
    clearTimeout(timer);
    timer = setTimeout(() => {
      timer = undefined;
      // A client that is closed has no members to ask any more.
      check().catch(() => {});
    }, ms);
  }

  async function check(): Promise<void> {
    const oldest = [...pending].find((one) => one.term > 0);
    if (!oldest) return;
    const leftMs = oldest.sentAt + SUSPECT_MS - performance.now();
    if (leftMs > 0) return watchFor(leftMs);
    await look(oldest.term);
    if (pending.size > 0) watchFor(LOOK_MS);
  }

  async function look(since: number): Promise<void> {
    const endpoints = client.endpoints();
    const looks = endpoints.map(async (endpoint) => {
      const status = await client.call('Maintenance.Status', {}, { retry: 'safe', endpoint, requireLeader: false });
      const its = Number(status.header.raft_term);
      observe(status.header.raft_term);
      if (status.leader === '0' || its <= since) return;
      const stale = [...pending].filter((one) => one.term > 0 && one.term < its && !one.giveUp.signal.aborted);
      if (stale.length === 0) return;
      // The first that knows the new leader takes the next attempt: of the others one may be stopped, or cut off.
      for (const other of endpoints) if (other !== endpoint) client.avoid(other);
      for (const one of stale) one.giveUp.abort();
    });
    // A member that doesn't answer must not keep the others from being asked again.
    await Promise.race([Promise.allSettled(looks), delay(LOOK_MS)]);
  }

  function observe(raftTerm: string): void {
    const seen = Number(raftTerm);
    if (seen <= term) return;
    term = seen;
    giveUp = new AbortController();
  }

  return {
    observe,
    async run(attempt, signal) {
      const one = { sentAt: performance.now(), term, giveUp };
      pending.add(one);
      if (term > 0 && !timer) watchFor(SUSPECT_MS);
      try {
        return await attempt(signal ? AbortSignal.any([one.giveUp.signal, signal]) : one.giveUp.signal);
      } finally {
        pending.delete(one);
      }
    },
  };
}
