import { z } from 'zod';
import { DomainError } from '../commands/domain-error';
import type { StateDb } from '../db/state-store';
import { delay } from '../lib/async';
import { uuidv7 } from '../lib/ids';
import { addLearner, listMembers } from '../replication/etcd/members';
import type { Proposer } from '../replication/proposer';
import { SYSTEM_ACTOR } from './founding';
import type { Journal } from './journal';
import { findMember, setMemberState } from './members/commands';
import { membershipError } from './membership';
import type { PeerClient, PeerTarget } from './peer-client';
import { memberName } from './raft-engine';

export const LEARNER_PATH = '/v1/cluster/learner';

/** What an admitted node needs to start its etcd member. */
export const learnerTicketSchema = z.object({
  /** `name=peerUrl,…` of all members, the learner included. */
  initial_cluster: z.string(),
  /** The answering node's tip, for the learner's progress. */
  tip_index: z.int(),
});
export type LearnerTicket = z.infer<typeof learnerTicketSchema>;

/** Adds an admitted node to Raft as a learner. Repeating it is harmless. @throws DomainError membership_change_in_progress, … */
export function createLearnerRegistrar(deps: {
  journal: Journal;
  db: () => StateDb;
  proposer: Proposer;
  barrier: () => Promise<number>;
}): (nodeId: number) => Promise<LearnerTicket> {
  return async (nodeId) => {
    const tip = await deps.barrier();
    const member = findMember(deps.db(), nodeId);
    const client = deps.journal.engine?.client;
    if (!client) throw new DomainError('single_mode', 'this node is not part of a Raft cluster');
    const url = `https://${member.raftPeerAddress}`;
    try {
      if (member.state !== 'voter' && !deps.journal.engine?.external) await addLearner(client, url);
      if (member.state === 'joining') {
        const actor = SYSTEM_ACTOR;
        await deps.proposer.propose(setMemberState, { id: nodeId, state: 'learner' as const }, { actor, id: uuidv7() });
      }
      if (deps.journal.engine?.external) return { initial_cluster: '', tip_index: tip };
      const list = await listMembers(client);
      const parts = list.flatMap((m) => {
        const name = m.peer_urls.includes(url) ? memberName(nodeId) : m.name;
        return m.peer_urls.map((peer) => `${name}=${peer}`);
      });
      return { initial_cluster: parts.join(','), tip_index: tip };
    } catch (error) {
      throw membershipError(error);
    }
  };
}

const RETRY_MS = 300;

/** Asks the members, in turn and again, until one has added this node as a learner. @throws Error after `timeoutMs` */
export async function requestLearnerTicket(options: {
  client: PeerClient;
  members: readonly PeerTarget[];
  timeoutMs: number;
  signal: AbortSignal;
  onWait: (why: string) => void;
  /** This node was a member and has lost its journal. */
  lost?: boolean;
}): Promise<{ ticket: LearnerTicket; from: PeerTarget }> {
  const deadline = performance.now() + options.timeoutMs;
  let last = 'no member is known';
  while (performance.now() < deadline && !options.signal.aborted) {
    for (const target of options.members) {
      try {
        const response = await options.client.fetch(target, options.lost ? `${LEARNER_PATH}?lost=1` : LEARNER_PATH, {
          method: 'POST',
          signal: AbortSignal.timeout(10_000),
        });
        const body: unknown = await response.json();
        if (response.ok) return { ticket: learnerTicketSchema.parse(body), from: target };
        last = `node ${target.nodeId}: ${z.object({ detail: z.string() }).parse(body).detail}`;
      } catch (error) {
        last = `node ${target.nodeId} at ${target.address}: ${error instanceof Error ? error.message : String(error)}`;
      }
      options.onWait(last);
    }
    await delay(RETRY_MS, options.signal);
  }
  throw new Error(`no member added this node as a learner: ${last}`);
}
