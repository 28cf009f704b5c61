import type { StateDb } from '../db/state-store';
import type { Clock } from '../lib/clock';
import type { Logger } from '../lib/logger';
import type { Reconciler } from '../reconcile/driver';
import type { Proposer } from '../replication/proposer';
import { SYSTEM_ACTOR } from './founding';
import { liveMembers } from './members/admission';
import { removeMember } from './members/commands';
import type { Member } from './members/table';
import type { ClusterView } from './view';

export interface ReaperDeps {
  readonly nodeId: number;
  readonly afterMs: number;
  readonly view: Pick<ClusterView, 'leaderId'>;
  /** When a member last answered; null when it never did since this process started. */
  readonly liveness: { lastSeenAt(nodeId: number): number | null };
  readonly db: () => StateDb;
  readonly proposer: Proposer;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Removes joins that will not finish: etcd takes one learner at a time, so a dead one keeps every other node out. Only
 * silence counts. A slow learner that answers stays, however long it takes.
 */
export function createReaper(deps: ReaperDeps): Reconciler {
  const { clock, liveness, logger } = deps;
  const startedAt = clock();

  /** A member that this process has never seen counts from the start of the process: it had no chance to see it before. */
  const silentMs = ({ id, stageAt }: Member): number =>
    clock() - Math.max(stageAt, liveness.lastSeenAt(id) ?? startedAt);

  return {
    name: 'reaper',
    intervalMs: 5_000,
    async run() {
      if (deps.view.leaderId() !== deps.nodeId) return;
      for (const member of liveMembers(deps.db())) {
        if (member.state === 'voter' || silentMs(member) < deps.afterMs) continue;
        const minutes = Math.round(silentMs(member) / 60_000);
        const reason = `not heard of for ${minutes} min`;
        logger.warn({ node: member.id, name: member.name, minutes }, 'a join that never finished is removed');
        // Voters are never reaped: the id makes a second leader's attempt the same command.
        const id = `reap-${member.id}-${member.stageAt}`;
        await deps.proposer.propose(removeMember, { id: member.id, reason }, { actor: SYSTEM_ACTOR, id });
      }
    },
  };
}
