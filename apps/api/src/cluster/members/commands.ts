import { nodeId, nodeName } from '@quorate/shared/names';
import { eq, sql } from 'drizzle-orm';
import { z } from 'zod';
import { type ApplyContext, defineCommand } from '../../commands/define-command';
import { DomainError } from '../../commands/domain-error';
import type { StateDb } from '../../db/state-store';
import { joinTokenRedemptions, joinTokens } from '../join-tokens/table';
import { refuseDuringCaRotation } from '../keys/ca-progress';
import { authorizeAdmission, checkAddresses, liveMembers, placeNode } from './admission';
import { type Member, members } from './table';

const addresses = {
  clusterAddress: z.string(),
  raftPeerAddress: z.string(),
  raftClientAddress: z.string(),
  apiUrl: z.string(),
};
const software = { version: z.string(), featureLevel: z.int() };
const keyPin = z.string().length(64);

/** @throws DomainError not_found for an id that never was or is removed */
export function findMember(db: StateDb, id: number): Member {
  const member = db.select().from(members).where(eq(members.id, id)).get();
  if (!member || member.state === 'removed') throw new DomainError('not_found', `there is no member ${id}`);
  return member;
}

/** A founding member: a voter from the start. Registering it again with the same key changes nothing. */
export const registerFirstMember = defineCommand({
  type: 'members.register_first',
  since: 1,
  audited: false,
  input: z.object({
    id: nodeId,
    name: nodeName,
    keyPin,
    ...addresses,
    ...software,
    certificateExpiresAt: z.int().nullable(),
  }),
  apply(tx, input, ctx) {
    const existing = tx.select().from(members).where(eq(members.id, input.id)).get();
    if (existing?.keyPin === input.keyPin && existing.state !== 'removed') return { id: input.id };
    if (existing) throw new DomainError('node_id_taken', `node id ${input.id} was used before by ${existing.name}`);
    checkAddresses(liveMembers(tx), input);
    tx.insert(members)
      .values({
        ...input,
        state: 'voter',
        tokenId: null,
        joinedAt: ctx.at,
        stageAt: ctx.at,
        removedAt: null,
        drainedAt: null,
      })
      .run();
    return { id: input.id };
  },
});

/**
 * Lets a node in and takes one use of its join token, both or neither. A key that was admitted before resumes
 * its own join: the same id, no use taken.
 */
export const admitMember = defineCommand({
  type: 'members.admit',
  since: 1,
  input: z.object({
    tokenHash: z.string().length(64),
    name: nodeName,
    id: nodeId.nullable(),
    keyPin,
    ...addresses,
    ...software,
    address: z.string(),
    certificateExpiresAt: z.int(),
  }),
  target: (input) => input.name,
  apply(tx, input, ctx) {
    refuseDuringCaRotation(tx);
    const { token, previous } = authorizeAdmission(tx, input, ctx.at);
    const id = placeNode(tx, input, token, previous);
    const { tokenHash: _hash, address, id: _wanted, ...node } = input;
    if (previous) {
      const tokenId = previous.tokenId ?? token.id;
      tx.update(members)
        .set({ ...node, tokenId, stageAt: ctx.at })
        .where(eq(members.id, id))
        .run();
      return { nodeId: id, tokenId, resumed: true };
    }
    tx.update(joinTokens)
      .set({ uses: sql`${joinTokens.uses} + 1` })
      .where(eq(joinTokens.id, token.id))
      .run();
    tx.insert(joinTokenRedemptions)
      .values({ tokenId: token.id, nodeId: id, nodeName: input.name, address, at: ctx.at })
      .run();
    const times = { joinedAt: ctx.at, stageAt: ctx.at, removedAt: null, drainedAt: null };
    tx.insert(members)
      .values({ ...node, id, state: 'joining', tokenId: token.id, ...times })
      .run();
    ctx.event('join_token.redeemed', `${input.name} redeemed the join token of ${token.createdBy} from ${address}`, {
      token: token.id,
      node: id,
      address,
    });
    ctx.event('member.admitted', `${input.name} was admitted as node ${id} and starts as a learner`, { node: id });
    ctx.event('join.started', `${input.name} joins as node ${id}`, { node: id, token: token.id });
    return { nodeId: id, tokenId: token.id, resumed: false };
  },
});

/** How many voters there are and how many may fail, in words. */
function quorumSentence(voters: number): string {
  const tolerated = Math.floor((voters - 1) / 2);
  const count = voters === 1 ? '1 voter' : `${voters} voters`;
  return `the cluster has ${count} and survives the loss of ${tolerated === 0 ? 'none' : tolerated}`;
}

function voterIds(tx: StateDb): number[] {
  return liveMembers(tx)
    .filter((member) => member.state === 'voter')
    .map((member) => member.id);
}

/** Tells watchers of the set of voters, such as what renders the load balancer's configuration. */
function votersChanged(tx: StateDb, ctx: ApplyContext): void {
  const voters = voterIds(tx);
  ctx.event('members.changed', `the voters are now ${voters.join(', ') || 'none'}`, { voters });
}

const RANK = { joining: 0, learner: 1, voter: 2 } as const;

/** Records what Raft has made of a member. Only forward, one step at a time; the same state again changes nothing. */
export const setMemberState = defineCommand({
  type: 'members.set_state',
  since: 1,
  audited: false,
  input: z.object({ id: nodeId, state: z.enum(['learner', 'voter']) }),
  target: (input) => String(input.id),
  apply(tx, input, ctx) {
    const member = findMember(tx, input.id);
    if (member.state === input.state) return { changed: false };
    const from = member.state === 'removed' ? -1 : RANK[member.state];
    if (RANK[input.state] !== from + 1) {
      const rule = 'a node goes from joining to learner to voter';
      throw new DomainError(
        'conflict',
        `node ${member.id} is ${member.state} and cannot become ${input.state}; ${rule}`,
      );
    }
    tx.update(members).set({ state: input.state, stageAt: ctx.at }).where(eq(members.id, member.id)).run();
    if (input.state === 'learner') {
      ctx.event('member.learner', `${member.name} (node ${member.id}) is a learner and catches up`, {
        node: member.id,
      });
      return { changed: true };
    }
    const sentence = quorumSentence(voterIds(tx).length);
    ctx.event('member.promoted', `${member.name} (node ${member.id}) is a voter; ${sentence}`, { node: member.id });
    const seconds = Math.round((ctx.at - member.joinedAt) / 1000);
    ctx.event('join.completed', `${member.name} (node ${member.id}) has joined, ${seconds} s after its admission`, {
      node: member.id,
    });
    votersChanged(tx, ctx);
    return { changed: true };
  },
});

/** What a member says of itself; only the node that proposes it is changed. */
export const updateOwnMember = defineCommand({
  type: 'members.update_self',
  since: 1,
  audited: false,
  input: z.object({
    ...z.object({ ...addresses, ...software }).partial().shape,
    certificateExpiresAt: z.int().optional(),
  }),
  apply(tx, input, ctx) {
    const member = findMember(tx, ctx.nodeId);
    const changed = (Object.keys(input) as (keyof typeof input)[]).filter(
      (key) => input[key] !== undefined && input[key] !== member[key],
    );
    if (changed.length === 0) return { changed: false };
    checkAddresses(
      liveMembers(tx).filter((other) => other.id !== member.id),
      {
        clusterAddress: input.clusterAddress ?? member.clusterAddress,
        raftPeerAddress: input.raftPeerAddress ?? member.raftPeerAddress,
        raftClientAddress: input.raftClientAddress ?? member.raftClientAddress,
        apiUrl: input.apiUrl ?? member.apiUrl,
      },
    );
    tx.update(members).set(input).where(eq(members.id, member.id)).run();
    const visible = changed.filter((key) => key !== 'certificateExpiresAt' && key !== 'featureLevel');
    if (visible.length > 0) {
      const what = visible.map((key) => `${LABELS[key]} ${String(input[key])}`).join(', ');
      ctx.event('members.changed', `${member.name} (node ${member.id}) now has ${what}`, { node: member.id });
    }
    return { changed: true };
  },
});

/**
 * A node of an operator's own PKI got a certificate for another key. Whoever holds a certificate of its CA with its id is
 * that node, and its log checks that before this can be written; the old key opens nothing any more.
 */
export const replaceOwnKey = defineCommand({
  type: 'members.replace_key',
  since: 1,
  audited: false,
  input: z.object({ keyPin }),
  apply(tx, input, ctx) {
    const member = findMember(tx, ctx.nodeId);
    if (member.keyPin === input.keyPin) return { changed: false };
    const holder = liveMembers(tx).find((other) => other.keyPin === input.keyPin);
    if (holder) throw new DomainError('conflict', `node ${holder.id} has this key; each node needs a key of its own`);
    tx.update(members).set({ keyPin: input.keyPin }).where(eq(members.id, member.id)).run();
    ctx.event('members.changed', `${member.name} (node ${member.id}) has a new key`, { node: member.id });
    return { changed: true };
  },
});

const LABELS: Record<string, string> = {
  clusterAddress: 'the cluster address',
  raftPeerAddress: 'the Raft peer address',
  raftClientAddress: 'the Raft client address',
  apiUrl: 'the API address',
  version: 'version',
};

/** Forgets a member for good: its key no longer opens anything and its id is never given again. */
export const removeMember = defineCommand({
  type: 'members.remove',
  since: 1,
  input: z.object({
    id: nodeId,
    reason: z.string().max(200).optional(),
    /** The voters, by id, for which the removal was found safe. */
    voters: z.array(nodeId).optional(),
  }),
  target: (input) => String(input.id),
  apply(tx, input, ctx) {
    const member = findMember(tx, input.id);
    const voters = voterIds(tx);
    // Two removals that are safe each by itself may cost the quorum together.
    if (member.state === 'voter' && input.voters && input.voters.join() !== voters.join()) {
      const detail = `the voters changed meanwhile, they are now ${voters.join(', ')}; look again, then repeat`;
      throw new DomainError('membership_change_in_progress', detail, [], 1);
    }
    if (member.state === 'voter' && voters.length === 1) {
      throw new DomainError('quorum_would_be_lost', `node ${member.id} is the only voter; the cluster would be gone`);
    }
    tx.update(members)
      .set({ state: 'removed', stageAt: ctx.at, removedAt: ctx.at })
      .where(eq(members.id, input.id))
      .run();
    const why = input.reason ? ` (${input.reason})` : '';
    const sentence = quorumSentence(voterIds(tx).length);
    const message = `${member.name} (node ${member.id}, ${member.state}) was removed${why}; ${sentence}`;
    ctx.event('member.removed', message, { node: member.id });
    if (member.state === 'voter') votersChanged(tx, ctx);
    else ctx.event('join.failed', `${member.name} never finished joining${why}`, { node: member.id });
    return { id: member.id };
  },
});

/** Takes a voter out of service, or puts it back. The last voter in service stays. Done already changes nothing. */
export const setMemberDrained = defineCommand({
  type: 'members.set_drained',
  since: 1,
  input: z.object({ id: nodeId, drained: z.boolean() }),
  target: (input) => String(input.id),
  apply(tx, input, ctx) {
    const member = findMember(tx, input.id);
    if ((member.drainedAt !== null) === input.drained) return { changed: false };
    if (input.drained) refuseLastInService(tx, member);
    const drainedAt = input.drained ? ctx.at : null;
    tx.update(members).set({ drainedAt }).where(eq(members.id, member.id)).run();
    const what = input.drained ? 'is drained: out of service, still voting' : 'is back in service';
    ctx.event(input.drained ? 'member.drained' : 'member.resumed', `${member.name} (node ${member.id}) ${what}`, {
      node: member.id,
    });
    return { changed: true };
  },
});

function refuseLastInService(tx: StateDb, member: Member): void {
  const others = liveMembers(tx).filter(
    ({ id, state, drainedAt }) => id !== member.id && state === 'voter' && drainedAt === null,
  );
  if (others.length > 0) return;
  throw new DomainError('conflict', `no other voter is in service; resume one before you drain node ${member.id}`);
}

export const memberCommands = [
  registerFirstMember,
  admitMember,
  setMemberState,
  updateOwnMember,
  replaceOwnKey,
  setMemberDrained,
  removeMember,
];
