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

/** Heard of by nobody for so long, a runner is called offline: no core renews its lease any more. */
const SILENT_MS = 4_000;

/**
 * On the leader: writes down which runners came and which are gone, and gives up what the gone ones had once their lease must
 * be over. Every core that still has a quorum knows of it by then, and renews no lease of a runner that is offline. A leader
 * that has just begun waits before it calls anybody gone: it may be the one who did not listen.
 */
export function createObserver(deps: ObserverDeps): Reconciler {
  let leadsSince: number | undefined;

  async function observe(runner: RunnerRow, now: number): Promise<void> {
    const heardAt = deps.lastHeard(runner) ?? 0;
    const isHeard = now - heardAt < SILENT_MS;
    const silentMs = now - Math.max(heardAt, leadsSince ?? now);
    if (runner.status === 'offline' ? isHeard : silentMs > SILENT_MS) {
      await deps.propose(observeRunner, { id: runner.id, online: isHeard }, systemProposal(deps.nodeId));
    }
  }

  async function giveUp(runner: RunnerRow, now: number): Promise<void> {
    if (now - runner.statusSince < LEASE_MS + LEASE_MARGIN_MS) return;
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
