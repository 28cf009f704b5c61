import type { FailoverReason } from '@quorate/shared/failovers';
import { eq } from 'drizzle-orm';
import type { StateDb } from '../../db/state-store';
import type { LocalEvents } from '../../events/local-events';
import { uuidv7 } from '../../lib/ids';
import type { Logger } from '../../lib/logger';
import { type ReconcilerHandle, startReconciler } from '../../reconcile/driver';
import type { Applier } from '../../replication/applier';
import type { Proposer } from '../../replication/proposer';
import { SYSTEM_ACTOR } from '../founding';
import type { Journal } from '../journal';
import type { Liveness } from '../liveness';
import { members } from '../members/table';
import type { RaftStatus, RaftStatusPoller } from '../raft-status';
import { recordFailover, recordLeadership } from './commands';
import { createGapMeter, type WriteGap } from './gap-meter';
import { failovers } from './table';

export interface LeadershipWatchDeps {
  readonly nodeId: number;
  readonly journal: Journal;
  readonly applier: Applier;
  readonly proposer: Proposer;
  readonly liveness: Liveness;
  readonly localEvents: LocalEvents;
  readonly db: () => StateDb;
  readonly logger: Logger;
}

export interface LeadershipWatch extends ReconcilerHandle {
  /** Changes of leadership that this node has seen. */
  readonly leaderChanges: number;
}

/** By then it shows whether the old leader still answers. */
const REASON_AFTER_MS = 2_500;

/** A change of leadership to this node that is not on record yet. */
interface Change {
  readonly term: number;
  /** When another leader, or this one in an earlier term, was last seen; undefined = never by this process. */
  readonly leaderLastSeenMs: number | undefined;
  readonly seenMs: number;
  recorded: boolean;
  gap: WriteGap | undefined;
}

const leaderCommandId = (term: number, nodeId: number): string => `leader-${term}-${nodeId}`;

/**
 * Watches who leads. The leader records its term at once, and a little later what the change cost; every node tells of
 * what only it can see: whether it knows a leader, whether it can write, which peers it reaches.
 */
export function startLeadershipWatch(deps: LeadershipWatchDeps): LeadershipWatch {
  const { nodeId, journal, applier, proposer, liveness, localEvents } = deps;
  const meter = createGapMeter();
  const undo: (() => void)[] = [];
  let subscribed: RaftStatusPoller | undefined;
  let leader: { readonly id: number; readonly term: number; seenMs: number } | undefined;
  let change: Change | undefined;
  let leaderChanges = 0;

  const memberOf = (id: number) => deps.db().select().from(members).where(eq(members.id, id)).get();
  const nameOf = (id: number): string => memberOf(id)?.name ?? 'unknown';

  undo.push(
    applier.onApplied(({ commands }) => {
      meter.applied(performance.now());
      if (change?.leaderLastSeenMs === undefined || change.gap) return;
      const id = leaderCommandId(change.term, nodeId);
      if (commands.some((command) => command.id === id)) change.gap = meter.gapAround(change.leaderLastSeenMs);
    }),
    watchPeers(liveness, localEvents, nameOf),
  );
  const tellState = createStateTeller(journal, localEvents);

  function onStatus(status: RaftStatus): void {
    tellState(status);
    if (!status.answered || status.leaderId === null) return;
    const seenMs = performance.now();
    if (leader && leader.id === status.leaderId && leader.term === status.term) {
      leader.seenMs = seenMs;
      return;
    }
    if (leader) leaderChanges += 1;
    if (status.leaderId === nodeId) {
      // etcd may name the new leader a moment before the new term: both are one change.
      const same = leader?.id === nodeId && change && !change.recorded ? change : undefined;
      const leaderLastSeenMs = same ? same.leaderLastSeenMs : leader?.seenMs;
      change = { term: status.term, leaderLastSeenMs, seenMs, recorded: false, gap: undefined };
      reconciler.trigger();
    }
    leader = { id: status.leaderId, term: status.term, seenMs };
  }

  async function record(pending: Change): Promise<void> {
    const { term } = pending;
    const input = { nodeId, term };
    await proposer.propose(recordLeadership, input, { actor: SYSTEM_ACTOR, id: leaderCommandId(term, nodeId) });
    pending.recorded = true;
  }

  function reasonFor(from: number): FailoverReason {
    if (memberOf(from)?.state === 'removed') return 'removal';
    const seen = liveness.observe(from);
    if (from === nodeId || !seen) return 'unknown';
    return seen.reachable && seen.status?.etcd_answers ? 'unknown' : 'crash';
  }

  async function account(pending: Change): Promise<void> {
    const { term, gap = { writeGapMs: null, measuredFrom: null } } = pending;
    const row = deps.db().select().from(failovers).where(eq(failovers.term, term)).get();
    if (!row) return;
    const input = { term, seen: reasonFor(row.fromNode), ...gap };
    await proposer.propose(recordFailover, input, { actor: SYSTEM_ACTOR, id: uuidv7() });
  }

  async function run(): Promise<void> {
    if (journal.raft && journal.raft !== subscribed) {
      subscribed = journal.raft;
      undo.push(subscribed.onChange(onStatus));
    }
    const pending = change;
    if (!pending) return;
    if (!pending.recorded) await record(pending);
    if (performance.now() - pending.seenMs < REASON_AFTER_MS) return;
    await account(pending);
    if (change === pending) change = undefined;
  }
  const reconciler = startReconciler({ name: 'leadership', intervalMs: 250, run }, deps.logger);

  return {
    get leaderChanges() {
      return leaderChanges;
    },
    trigger: reconciler.trigger,
    async stop() {
      for (const step of undo) step();
      await reconciler.stop();
    },
  };
}

/** Tells when this node finds and loses a leader, and when it can and cannot write. It starts out silent. */
function createStateTeller(journal: Journal, localEvents: LocalEvents): (status: RaftStatus) => void {
  let hadLeader = true;
  let couldWrite = true;
  let answeredOnce = false;
  return (status) => {
    answeredOnce ||= status.answered;
    if (!answeredOnce) return;
    const term = { term: status.term };
    if (status.hasLeader !== hadLeader) {
      hadLeader = status.hasLeader;
      if (hadLeader) localEvents.record('state.has_leader', 'this node knows a leader again', term);
      else localEvents.record('state.is_leaderless', 'this node knows no leader; writes wait', term);
    }
    const canWrite = journal.quorumHeld();
    if (canWrite !== couldWrite) {
      couldWrite = canWrite;
      if (canWrite) localEvents.record('state.rw', 'this node takes writes again', term);
      else localEvents.record('state.ro', 'no quorum: this node serves reads only', term);
    }
  };
}

function watchPeers(liveness: Liveness, localEvents: LocalEvents, nameOf: (nodeId: number) => string): () => void {
  const reached = new Map<number, boolean>();
  return liveness.onRound((ids) => {
    for (const id of reached.keys()) if (!ids.includes(id)) reached.delete(id);
    for (const id of ids) {
      const seen = liveness.observe(id);
      const before = reached.get(id);
      // A peer that was never reached is no news: the members say so.
      if (!seen || seen.reachable === before || (before === undefined && !seen.reachable)) continue;
      reached.set(id, seen.reachable);
      const peer = `${nameOf(id)} (node ${id})`;
      const data = { peer: id };
      if (seen.reachable) localEvents.record('peer.connected', `${peer} answers on its cluster address`, data);
      else localEvents.record('peer.disconnected', `${peer} does not answer: ${seen.error || 'timed out'}`, data);
    }
  });
}
