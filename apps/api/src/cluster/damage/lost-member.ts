import { DomainError } from '../../commands/domain-error';
import type { StateDb } from '../../db/state-store';
import { uuidv7 } from '../../lib/ids';
import { listMembers, removeMember } from '../../replication/etcd/members';
import type { Proposer } from '../../replication/proposer';
import { SYSTEM_ACTOR } from '../founding';
import type { Journal } from '../journal';
import { findMember } from '../members/commands';
import { demoteMember } from '../members/demotion';
import { membershipError } from '../membership';
import { countQuorum } from '../quorum';
import type { ClusterView } from '../view';

/**
 * Takes the etcd member of a node that has lost its journal out of Raft, so that the node can be added again as a
 * learner: with an empty or an old journal it would vote on what it has forgotten. May be repeated.
 *
 * @returns a function that throws DomainError quorum_would_be_lost, no_quorum, …
 */
export function createLostMemberRemoval(deps: {
  journal: Journal;
  db: () => StateDb;
  view: ClusterView;
  proposer: Proposer;
}): (nodeId: number) => Promise<void> {
  return async (nodeId) => {
    const client = deps.journal.engine?.client;
    if (!client) throw new DomainError('single_mode', 'this node is not part of a Raft cluster');
    const row = findMember(deps.db(), nodeId);
    const rest = deps.view.members().filter(({ id, suffrage }) => id !== nodeId && suffrage === 'voter');
    const healthy = rest.filter(({ health }) => health === 'healthy' || health === 'lagging').length;
    if (countQuorum(rest.length, healthy).tolerated < 0) {
      throw new DomainError('quorum_would_be_lost', 'the other voters have no healthy majority; bring them back first');
    }
    try {
      const url = `https://${row.raftPeerAddress}`;
      // One that was never started (it has no name) is the learner of an earlier attempt.
      const lost = (await listMembers(client)).filter(({ name, peer_urls }) => name !== '' && peer_urls.includes(url));
      for (const { id } of lost) await removeMember(client, id);
      await deps.proposer.propose(demoteMember, { id: nodeId }, { actor: SYSTEM_ACTOR, id: uuidv7() });
    } catch (error) {
      throw membershipError(error);
    }
  };
}
