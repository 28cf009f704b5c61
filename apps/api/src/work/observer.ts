import { and, eq, inArray, ne } from 'drizzle-orm';
import type { StateDb } from '../db/state-store';
import type { Clock } from '../lib/clock';
import type { Reconciler } from '../reconcile/driver';
import type { Proposer } from '../replication/proposer';
import { observeRunner } from '../resources/runners/commands';
import { type RunnerRow, runners } from '../resources/runners/table';
import { loseJob } from './jobs/commands';
import { jobs } from './jobs/table';
import { LEASE_MARGIN_MS, LEASE_MS } from './lease';
import { systemProposal } from './proposal';

export interface ObserverDeps {
  readonly db: () => StateDb;
  readonly propose: Proposer['propose'];
  readonly nodeId: number;
  readonly isLeader: () => boolean;
  /** When any core that answers last heard of it, ms; null = not since this process runs. */
  readonly lastHeard: (runner: RunnerRow) => number | null;
  readonly clock: Clock;
}

const GONE_AFTER_MS = LEASE_MS + LEASE_MARGIN_MS;

/**
 * On the leader: writes down which runners came and which are gone, and gives up what the gone ones had. A leader that has just
 * begun waits for a whole lease before it calls anybody gone: it may be the one who did not listen.
 */
export function createObserver(deps: ObserverDeps): Reconciler {
  let leadsSince: number | undefined;

  async function observe(runner: RunnerRow, now: number): Promise<void> {
    const heard = Math.max(deps.lastHeard(runner) ?? 0, leadsSince ?? now);
    const silentMs = now - heard;
    const isHeard = (deps.lastHeard(runner) ?? 0) > now - LEASE_MS;
    if (runner.status === 'offline' && isHeard) {
      await deps.propose(observeRunner, { id: runner.id, online: true }, systemProposal(deps.nodeId));
    } else if (runner.status === 'online' && silentMs > GONE_AFTER_MS) {
      await deps.propose(observeRunner, { id: runner.id, online: false }, systemProposal(deps.nodeId));
    }
  }

  /** Offline means that the lease is over; of a removed one it is known when nobody renewed it any more. */
  async function giveUp(runner: RunnerRow, now: number): Promise<void> {
    if (runner.removedAt !== null && now - runner.removedAt < GONE_AFTER_MS) return;
    const open = and(eq(jobs.runnerId, runner.id), inArray(jobs.state, ['assigned', 'running']));
    for (const job of deps.db().select().from(jobs).where(open).limit(500).all()) {
      const reason = `the runner ${runner.name} ${runner.state === 'removed' ? 'was removed' : 'is gone'}`;
      const of = { id: job.id, attempt: job.attempt, runnerId: runner.id, reason };
      await deps.propose(loseJob, of, { ...systemProposal(deps.nodeId), id: `job-${job.id}-${job.attempt}-lost` });
    }
  }

  return {
    name: 'runners',
    intervalMs: 500,
    async run() {
      if (!deps.isLeader()) {
        leadsSince = undefined;
        return;
      }
      const now = deps.clock();
      leadsSince ??= now;
      const active = deps.db().select().from(runners).where(eq(runners.state, 'active')).all();
      for (const runner of active) await observe(runner, now);
      for (const runner of deps.db().select().from(runners).where(ne(runners.status, 'online')).all())
        await giveUp(runner, now);
    },
  };
}
