import type { MembershipPreview, Member as MemberView } from '@quorate/shared/cluster';
import { DomainError } from '../commands/domain-error';
import type { RequestContext } from '../http/endpoint';
import { delay } from '../lib/async';
import { EtcdError } from '../replication/etcd/errors';
import { listMembers, moveLeader, removeMember as removeEtcdMember } from '../replication/etcd/members';
import { notOurs } from './external/refusal';
import type { Journal } from './journal';
import type { Announce } from './leadership/announce';
import { removeMember } from './members/commands';
import { countQuorum } from './quorum';
import { memberName, type RaftEngine } from './raft-engine';
import type { ClusterView } from './view';

export interface Membership {
  /** Previews or carries out a removal. @throws DomainError with the code that the preview shows */
  remove(ctx: RequestContext, nodeId: number, options: { dryRun: boolean; force: boolean }): Promise<MembershipPreview>;
  /** Hands leadership to a voter, the best one when `to` is null, and waits until it leads. */
  transferLeadership(
    to: number | null,
    why: { reason: 'transfer' | 'test'; requestedBy: string },
  ): Promise<{ from: number; to: number; term: number; duration_ms: number }>;
  /** A drained node does not lead: hands over when it does and someone can take it. Idempotent. */
  yieldWhenDrained(): Promise<void>;
}

interface HandOver {
  readonly reason: 'transfer' | 'test' | 'drain' | 'removal';
  readonly requestedBy: string;
}

const TRANSFER_WAIT_MS = 5_000;
const isUp = (member: MemberView): boolean => member.health === 'healthy' || member.health === 'lagging';

/** What the quorum is before and after a removal, and why it would be refused. Pure. `held`: writes are possible now. */
export function previewRemoval(
  members: readonly MemberView[],
  nodeId: number,
  { force, held, external = false }: { force: boolean; held: boolean; external?: boolean | undefined },
): MembershipPreview {
  const target = members.find((member) => member.id === nodeId);
  if (!target) throw new DomainError('not_found', `there is no member ${nodeId}`);
  const voters = members.filter((member) => member.suffrage === 'voter');
  const rest = voters.filter((member) => member.id !== nodeId);
  const before = countQuorum(voters.length, voters.filter(isUp).length, external);
  const after = countQuorum(rest.length, rest.filter(isUp).length, external);
  const ofVoter = target.suffrage === 'voter' ? refusalOf(target, rest.length, after.tolerated, force) : null;
  const refusal = ofVoter ?? (held ? null : WITHOUT_QUORUM);
  const warnings = after.tolerated < 0 ? [] : sizeWarnings(target, rest.length, after.tolerated, external);
  if (target.leader && refusal === null) warnings.push('it is the leader: leadership is handed over first');
  return { dry_run: true, allowed: refusal === null, before, after, refusal, warnings };
}

/** What the number of voters that remain means, in one sentence at most. */
function sizeWarnings(target: MemberView, rest: number, tolerated: number, external: boolean): string[] {
  if (target.suffrage === 'voter' && tolerated === 0 && rest > 0) {
    return ['afterwards no further voter may fail: add a node soon'];
  }
  if (external || rest < 2 || rest % 2 === 1) return [];
  return [`${rest} voters tolerate no more failures than ${rest - 1}: add a node afterwards`];
}

/** A removal is a write. */
const WITHOUT_QUORUM = {
  code: 'no_quorum',
  detail:
    'the quorum is lost, and nobody can be removed without one: bring members back first; where they are gone for good, go on from the best survivor with quorated recover',
};

function refusalOf(target: MemberView, rest: number, tolerated: number, force: boolean): MembershipPreview['refusal'] {
  if (rest === 0)
    return { code: 'quorum_would_be_lost', detail: `${target.name} is the only voter: let another node join first` };
  if (tolerated < 0) {
    const detail = 'the voters that would remain have no majority of healthy ones; bring members back first';
    return { code: 'quorum_would_be_lost', detail };
  }
  if (!isUp(target) && !force) {
    const detail = `${target.name} does not answer; if it will never come back, remove it with force`;
    return { code: 'member_unhealthy', detail };
  }
  return null;
}

/** A refusal of etcd in our terms. */
export function membershipError(error: unknown): unknown {
  if (!(error instanceof EtcdError)) return error;
  switch (error.kind) {
    case 'too_many_learners':
      return new DomainError('membership_change_in_progress', 'another node is joining; one at a time', [], 1);
    case 'unhealthy':
    case 'not_enough_started':
      return new DomainError(
        'member_unhealthy',
        'a voter is down or just came back: bring it up or remove it first',
        [],
        2,
      );
    case 'not_in_sync':
      return new DomainError('not_caught_up', 'the learner is not in sync yet', [], 1);
    case 'bad_transferee':
      return new DomainError('not_caught_up', 'that member cannot take leadership now: it does not answer, or lags');
    default:
      return new DomainError('no_quorum', `etcd could not carry out the change: ${error.message}`, [], 2);
  }
}

export function createMembership(deps: {
  nodeId: number;
  journal: Journal;
  view: ClusterView;
  announce: Announce;
}): Membership {
  const { journal, view } = deps;
  let changing = false;

  function engine(): RaftEngine {
    if (journal.engine) return journal.engine;
    throw new DomainError('single_mode', 'this is a single node; mint a join token to make it a cluster');
  }

  async function exclusively<T>(change: () => Promise<T>): Promise<T> {
    if (changing) throw new DomainError('membership_change_in_progress', 'another change runs on this node', [], 1);
    changing = true;
    try {
      return await change();
    } catch (error) {
      throw membershipError(error);
    } finally {
      changing = false;
    }
  }

  async function etcdIdOf(raft: RaftEngine, nodeId: number, peerAddress: string): Promise<string | undefined> {
    const url = `https://${peerAddress}`;
    const found = (await listMembers(raft.client)).find(
      (m) => m.name === memberName(nodeId) || m.peer_urls.includes(url),
    );
    return found?.id;
  }

  async function handOver(raft: RaftEngine, from: number, to: number | null, announced: HandOver): Promise<number> {
    const candidates = view.members().filter((m) => m.suffrage === 'voter' && m.id !== from && !m.drained);
    const best = candidates.filter(isUp).sort((a, b) => (a.lag ?? 0) - (b.lag ?? 0) || a.id - b.id)[0];
    const target = to === null ? best : candidates.find((m) => m.id === to);
    if (!target) throw new DomainError('conflict', 'there is no other healthy voter to hand leadership to');
    if (target.health === 'unreachable') {
      const detail = `${target.name} does not answer, so it cannot lead; bring it back, or hand over to another voter`;
      throw new DomainError('member_unhealthy', detail);
    }
    const memberId = await etcdIdOf(raft, target.id, target.raft_peer_address);
    if (!memberId) throw new DomainError('conflict', `node ${target.id} has no etcd member`);
    await deps.announce(from, announced.reason, announced.requestedBy);
    await moveLeader(raft.client, memberId);
    const deadline = performance.now() + TRANSFER_WAIT_MS;
    while (view.leaderId() !== target.id) {
      if (performance.now() > deadline)
        throw new DomainError('conflict', `node ${target.id} did not take leadership in time`);
      await delay(20);
    }
    return target.id;
  }

  const warn = (ctx: RequestContext, error: unknown): void =>
    ctx.logger.warn({ err: error }, 'the etcd member could not be removed yet; the leader tries again by itself');

  return {
    async remove(ctx, nodeId, { dryRun, force }) {
      const views = view.members();
      const preview = previewRemoval(views, nodeId, {
        force,
        held: journal.quorumHeld(),
        external: journal.engine?.external,
      });
      if (dryRun) return preview;
      const raft = engine();
      if (preview.refusal) {
        throw new DomainError(
          preview.refusal.code as 'quorum_would_be_lost' | 'member_unhealthy' | 'no_quorum',
          preview.refusal.detail,
        );
      }
      await exclusively(async () => {
        const target = views.find((m) => m.id === nodeId);
        const voters = views.filter((m) => m.suffrage === 'voter').map((m) => m.id);
        if (target?.leader && !raft.external)
          await handOver(raft, nodeId, null, { reason: 'removal', requestedBy: ctx.actor.name });
        const memberId = target && !raft.external ? await etcdIdOf(raft, nodeId, target.raft_peer_address) : undefined;
        // The state first: the pin dies with it. A crash in between is finished by the membership reconciler.
        await ctx.propose(removeMember, { id: nodeId, voters });
        if (memberId) await removeEtcdMember(raft.client, memberId).catch((error: unknown) => warn(ctx, error));
      });
      return { ...preview, dry_run: false };
    },
    async yieldWhenDrained() {
      const views = view.members();
      const self = views.find((m) => m.self);
      // Who does not stand for election any more gives leadership up by itself where etcd is the operator's.
      if (!self?.leader || !self.drained || !journal.engine || journal.engine.external || changing) return;
      if (!views.some((m) => m.suffrage === 'voter' && !m.self && !m.drained && isUp(m))) return;
      await exclusively(() => handOver(engine(), self.id, null, { reason: 'drain', requestedBy: '' }));
    },
    async transferLeadership(to, why) {
      const raft = engine();
      if (raft.external) {
        throw notOurs('leadership cannot be handed over', 'drain the node that leads, and another one takes over');
      }
      const from = view.leaderId();
      if (from === null) throw new DomainError('no_quorum', 'there is no leader at the moment', [], 1);
      const target = to === null ? undefined : view.members().find((m) => m.id === to);
      if (to !== null && !target) throw new DomainError('not_found', `there is no member ${to}`);
      if (target && target.suffrage !== 'voter') {
        throw new DomainError('not_caught_up', `node ${to} is a ${target.suffrage}; only a voter can lead`);
      }
      if (to === from) throw new DomainError('conflict', `node ${to} leads already`);
      if (target?.drained) {
        const cure = `put it back into service first: quorate cluster resume ${to}`;
        throw new DomainError('conflict', `node ${to} is drained, and a drained node does not lead; ${cure}`);
      }
      const started = performance.now();
      const next = await exclusively(() => handOver(raft, from, to, why));
      const term = journal.raft?.current.term ?? 0;
      return { from, to: next, term, duration_ms: Math.round(performance.now() - started) };
    },
  };
}
