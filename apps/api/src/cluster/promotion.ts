import type { Member as MemberView } from '@quorate/shared/cluster';
import type { StateDb } from '../db/state-store';
import { uuidv7 } from '../lib/ids';
import type { Logger } from '../lib/logger';
import type { Reconciler } from '../reconcile/driver';
import { EtcdError } from '../replication/etcd/errors';
import { listMembers, promoteLearner, removeMember as removeEtcdMember } from '../replication/etcd/members';
import type { Member as EtcdMember } from '../replication/etcd/proto';
import type { Proposer } from '../replication/proposer';
import { SYSTEM_ACTOR } from './founding';
import type { Journal } from './journal';
import { setMemberState } from './members/commands';
import { members } from './members/table';
import { countQuorum } from './quorum';
import { nodeIdOfMember } from './raft-engine';
import type { ClusterView } from './view';

/** etcd calls a learner in sync at 90 % of an absolute index; we want it at the tip, for a while. */
const MAX_LAG = 100;
const STABLE_MS = 400;
const SETTLED_INTERVAL_MS = 3_000;

/** One step towards what the state and Raft should agree on. */
export type MembershipStep =
  | { readonly kind: 'promote'; readonly nodeId: number; readonly memberId: string }
  | { readonly kind: 'record'; readonly nodeId: number; readonly state: 'learner' | 'voter' }
  | { readonly kind: 'remove'; readonly nodeId: number; readonly memberId: string };

interface Row {
  readonly id: number;
  readonly state: string;
  readonly raftPeerAddress: string;
}

/** Whether one more voter leaves a healthy majority; the new one itself is healthy. Pure. */
export function promotionKeepsQuorum(voters: number, healthyVoters: number): boolean {
  return countQuorum(voters + 1, healthyVoters + 1).tolerated >= 0;
}

/** Compares the state's members with Raft's. Pure. `stable` names learners that have been at the tip for a while. */
export function planMembership(
  rows: readonly Row[],
  raft: readonly Pick<EtcdMember, 'id' | 'name' | 'peer_urls' | 'is_learner'>[],
  stable: ReadonlySet<number>,
): MembershipStep[] {
  const steps: MembershipStep[] = [];
  for (const member of raft) {
    const atAddress = rows.filter((r) => member.peer_urls.includes(`https://${r.raftPeerAddress}`));
    const live = atAddress.find((r) => r.state !== 'removed');
    // A node that joins where a removed one was has its address too, so the name decides; a new member has none yet.
    const row = rows.find((r) => r.id === nodeIdOfMember(member.name)) ?? live ?? atAddress[0];
    if (!row) continue;
    if (row.state === 'removed') steps.push({ kind: 'remove', nodeId: row.id, memberId: member.id });
    else if (row.state === 'joining') steps.push({ kind: 'record', nodeId: row.id, state: 'learner' });
    else if (row.state === 'learner' && !member.is_learner)
      steps.push({ kind: 'record', nodeId: row.id, state: 'voter' });
    else if (row.state === 'learner' && stable.has(row.id))
      steps.push({ kind: 'promote', nodeId: row.id, memberId: member.id });
  }
  return steps;
}

/** Promotes learners that have caught up and brings state and Raft back together after a crash between the two. */
export function createMembershipReconciler(deps: {
  nodeId: number;
  journal: Journal;
  view: ClusterView;
  db: () => StateDb;
  barrier: () => Promise<number>;
  proposer: Proposer;
  logger: Logger;
}): Reconciler {
  const { journal, view, logger } = deps;
  const atTipSince = new Map<number, number>();
  let comparedAt = Number.NEGATIVE_INFINITY;

  function stableLearners(views: readonly MemberView[]): Set<number> {
    const stable = new Set<number>();
    for (const member of views.filter((m) => m.suffrage === 'learner')) {
      const atTip = member.lag !== null && member.lag <= MAX_LAG && member.health === 'healthy';
      if (!atTip) atTipSince.delete(member.id);
      else if (!atTipSince.has(member.id)) atTipSince.set(member.id, performance.now());
      if (atTip && performance.now() - (atTipSince.get(member.id) ?? performance.now()) >= STABLE_MS)
        stable.add(member.id);
    }
    return stable;
  }

  async function carryOut(step: MembershipStep): Promise<void> {
    const client = journal.engine?.client;
    if (!client) return;
    const record = async (state: 'learner' | 'voter'): Promise<void> => {
      await deps.proposer.propose(setMemberState, { id: step.nodeId, state }, { actor: SYSTEM_ACTOR, id: uuidv7() });
    };
    if (step.kind === 'record') return record(step.state);
    try {
      if (step.kind === 'remove') return await removeEtcdMember(client, step.memberId);
      await promoteLearner(client, step.memberId);
    } catch (error) {
      if (!(error instanceof EtcdError)) throw error;
      logger.debug({ err: error, node: step.nodeId, step: step.kind }, 'etcd does not take the membership change yet');
      return;
    }
    logger.info({ node: step.nodeId }, 'the learner has caught up and is a voter now');
    await record('voter');
  }

  return {
    name: 'membership',
    intervalMs: 250,
    async run() {
      if (!journal.engine || view.leaderId() !== deps.nodeId) return atTipSince.clear();
      const views = view.members();
      // Every member votes: nothing is expected, so a look now and then does (a crash may have left a removal half done).
      const settled = views.every((m) => m.suffrage === 'voter');
      if (settled && performance.now() - comparedAt < SETTLED_INTERVAL_MS) return;
      comparedAt = performance.now();
      const voters = views.filter((m) => m.suffrage === 'voter');
      const healthy = voters.filter((m) => m.health === 'healthy').length;
      const { external } = journal.engine;
      const keeps = external || promotionKeepsQuorum(voters.length, healthy);
      const stable = keeps ? stableLearners(views) : new Set<number>();
      if (external) {
        for (const nodeId of stable) await carryOut({ kind: 'record', nodeId, state: 'voter' });
        return;
      }
      const raft = await listMembers(journal.engine.client);
      // After the list: who adds a learner has seen its admission applied, so this node must have before it judges.
      await deps.barrier();
      const rows = deps.db().select().from(members).orderBy(members.id).all();
      for (const step of planMembership(rows, raft, stable)) await carryOut(step);
    },
  };
}
