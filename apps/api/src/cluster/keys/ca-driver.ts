import type { Member as MemberView } from '@quorate/shared/cluster';
import type { StateDb } from '../../db/state-store';
import { uuidv7 } from '../../lib/ids';
import type { Reconciler } from '../../reconcile/driver';
import type { Proposer } from '../../replication/proposer';
import { SYSTEM_ACTOR } from '../founding';
import { pendingMembers, runningCaRotation } from './ca-progress';
import { advanceCaRotation, giveCaTurn } from './commands';
import type { CaRotation } from './table';

/** The next step of a change of the CA. */
export type CaStep =
  | { readonly kind: 'advance' }
  | { readonly kind: 'turn'; readonly nodeId: number }
  /** Members are at work, or `why` holds it up. */
  | { readonly kind: 'wait'; readonly why: string };

/** Nothing happens by itself then. */
const HELD =
  'every member trusts the new CA: give it to load balancers and clients too (quorate cluster keys ca prints what they are ' +
  'to trust), then continue';

const isUp = (member: MemberView): boolean => member.health === 'healthy' || member.health === 'lagging';
const nameOf = (member: MemberView): string => `${member.name} (node ${member.id})`;

/**
 * One etcd at a time restarts, and only while all voters are there, so that the quorum is never at stake; the leader
 * comes last. Pure.
 */
export function planCaStep(
  rotation: Pick<CaRotation, 'stage' | 'turnNode'>,
  pending: readonly number[],
  members: readonly MemberView[],
): CaStep {
  if (rotation.stage === 'ready') return { kind: 'wait', why: HELD };
  if (pending.length === 0) return { kind: 'advance' };
  const down = members.filter((member) => !isUp(member));
  const why = down[0] ? `${nameOf(down[0])} does not answer: start it, or remove it with force` : '';
  if (down.length > 0 || rotation.stage === 'reissuing') return { kind: 'wait', why };
  if (rotation.turnNode !== null && pending.includes(rotation.turnNode)) return { kind: 'wait', why: '' };
  const leads = (id: number): boolean => members.some((member) => member.id === id && member.leader);
  const next = pending.find((id) => !leads(id)) ?? pending[0];
  return next === undefined ? { kind: 'wait', why: '' } : { kind: 'turn', nodeId: next };
}

/** Carries a change of the CA on. Runs on the leader; safe to run twice, and on from where a killed one stopped. */
export function createCaDriver(deps: {
  readonly db: () => StateDb;
  readonly members: () => MemberView[];
  readonly isLeader: () => boolean;
  readonly proposer: Proposer;
}): Reconciler {
  const { db, proposer } = deps;
  const as = () => ({ actor: SYSTEM_ACTOR, id: uuidv7() });
  return {
    name: 'ca rotation',
    intervalMs: 500,
    async run() {
      const rotation = runningCaRotation(db());
      if (!rotation || rotation.stage === 'finished' || !deps.isLeader()) return;
      const { operationId, stage } = rotation;
      const step = planCaStep(rotation, pendingMembers(db(), rotation), deps.members());
      if (step.kind === 'advance' && stage !== 'ready')
        await proposer.propose(advanceCaRotation, { operationId, from: stage }, as());
      if (step.kind === 'turn' && (stage === 'trusting' || stage === 'dropping'))
        await proposer.propose(giveCaTurn, { operationId, stage, nodeId: step.nodeId }, as());
    },
  };
}
