import { and, eq, inArray, isNotNull, ne } from 'drizzle-orm';
import type { StateDb } from '../db/state-store';
import type { Clock } from '../lib/clock';
import type { Reconciler } from '../reconcile/driver';
import type { Proposer } from '../replication/proposer';
import { observeRunner, removeRunner } from '../resources/runners/commands';
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
  /** Whether there is a core node of this id, removed ones left out. */
  readonly isCore: (nodeId: number) => boolean;
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
  /**
   * Since when this process knows that a runner is offline, by a clock that never goes back. Every core keeps it, whoever
   * leads: it is later than the time at which it was written down, so whoever goes by it waits long enough, whatever the
   * clocks of the nodes say.
   */
  const offlineSince = new Map<string, { readonly statusSince: number; readonly at: number }>();

  async function observe(runner: RunnerRow, now: number): Promise<void> {
    const heardAt = deps.lastHeard(runner) ?? 0;
    const isHeard = now - heardAt < SILENT_MS;
    const silentMs = now - Math.max(heardAt, leadsSince ?? now);
    if (runner.status === 'offline' ? isHeard : silentMs > SILENT_MS) {
      await deps.propose(observeRunner, { id: runner.id, online: isHeard }, systemProposal(deps.nodeId));
    }
  }

  /** Runners that are offline or removed and still have something. */
  function goneWithJobs(): RunnerRow[] {
    const open = isNotNull(jobs.runnerId);
    const holders = deps.db().selectDistinct({ id: jobs.runnerId }).from(jobs).where(open).all();
    const ids = holders.flatMap(({ id }) => (id === null ? [] : [id]));
    return deps
      .db()
      .select()
      .from(runners)
      .where(and(inArray(runners.id, ids), ne(runners.status, 'online')))
      .all();
  }

  function noteOffline(gone: readonly RunnerRow[]): void {
    const current = new Set(gone.map(({ id }) => id));
    for (const id of offlineSince.keys()) if (!current.has(id)) offlineSince.delete(id);
    for (const { id, statusSince } of gone) {
      if (offlineSince.get(id)?.statusSince !== statusSince)
        offlineSince.set(id, { statusSince, at: performance.now() });
    }
  }

  async function giveUp(runner: RunnerRow): Promise<void> {
    const since = offlineSince.get(runner.id)?.at ?? performance.now();
    if (performance.now() - since < LEASE_MS + LEASE_MARGIN_MS) return;
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
      const gone = goneWithJobs();
      noteOffline(gone);
      if (!deps.isLeader()) {
        leadsSince = undefined;
        return;
      }
      const now = deps.clock();
      leadsSince ??= now;
      const active = deps.db().select().from(runners).where(eq(runners.state, 'active')).all();
      for (const runner of active) {
        if (runner.nodeId === null || deps.isCore(runner.nodeId)) await observe(runner, now);
        // Its node was removed from the cluster, and takes it along.
        else await deps.propose(removeRunner, { id: runner.id }, systemProposal(deps.nodeId));
      }
      for (const runner of gone) await giveUp(runner);
    },
  };
}
