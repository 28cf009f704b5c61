import { DomainError } from '../../commands/domain-error';
import { delay } from '../../lib/async';
import type { Logger } from '../../lib/logger';
import type { NodeStatus } from '../liveness';
import type { Member } from '../members/table';
import { countQuorum } from '../quorum';
import type { OperationTracker } from './operation';
import type { Staging } from './staging';

interface PeerDeps {
  readonly nodeId: number;
  readonly statusOf: (nodeId: number) => NodeStatus | undefined;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  readonly tracker: OperationTracker;
}

const POLL_MS = 200;
const STAGE_ATTEMPTS = 3;
/** A peer that stages still is waited for as long as it gets on. */
const STAGE_TIMEOUT_MS = 60 * 60_000;
/** Those that answer are waited for so long; later ones report in the members list. */
const SWITCH_WAIT_MS = 30_000;

/**
 * Brings the file to every member that can be reached.
 * @throws DomainError no_quorum fewer than a majority of the voters have it
 */
export async function stageOnPeers(
  options: PeerDeps & { members: readonly Member[]; staging: Staging; file: { sha256: string; bytes: number } },
): Promise<void> {
  const { members, nodeId, tracker } = options;
  tracker.setNode(nodeId, 'staged');
  const outcomes = await Promise.all(
    members
      .filter((member) => member.id !== nodeId)
      .map(async (member) => ({ member, ...(await stageOne(options, member)) })),
  );
  const voters = members.filter((member) => member.state === 'voter');
  const staged = outcomes.filter(({ member, done }) => done && member.state === 'voter').length;
  const self = voters.some((member) => member.id === nodeId) ? 1 : 0;
  if (countQuorum(voters.length, staged + self).tolerated >= 0) return;
  const reasons = outcomes.flatMap(({ member, done, why }) => (done ? [] : [`${member.name}: ${why}`])).join('; ');
  const detail = `only ${staged + self} of ${voters.length} voters could take the file, a majority is needed (${reasons})`;
  throw new DomainError('no_quorum', detail, [], 5);
}

async function stageOne(
  options: PeerDeps & { staging: Staging; file: { sha256: string; bytes: number } },
  member: Member,
): Promise<{ done: boolean; why: string }> {
  const { tracker, staging, file, signal } = options;
  const target = { nodeId: member.id, address: member.clusterAddress };
  const deadline = performance.now() + STAGE_TIMEOUT_MS;
  let why = 'it did not answer';
  for (let failures = 0; failures < STAGE_ATTEMPTS && performance.now() < deadline && !signal.aborted; ) {
    try {
      const { state, detail } = await staging.askToStage(target, file);
      if (state === 'staged') {
        tracker.setNode(member.id, 'staged');
        return { done: true, why: '' };
      }
      tracker.setNode(member.id, 'staging');
      if (state === 'failed') {
        failures += 1;
        why = detail;
      }
    } catch (error) {
      failures += 1;
      why = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
    }
    await delay(POLL_MS, signal);
  }
  options.logger.warn({ node: member.id, why }, 'a member could not stage the file of a restore');
  tracker.setNode(member.id, 'unreachable');
  return { done: false, why };
}

/** Waits a while for the others to switch, to report it. What they do does not depend on this. */
export async function waitForSwitch(options: PeerDeps & { epoch: number }): Promise<void> {
  const { tracker, nodeId, epoch, signal } = options;
  const deadline = performance.now() + SWITCH_WAIT_MS;
  for (;;) {
    for (const { id, state } of tracker.view.nodes) {
      if (id !== nodeId && state !== 'switched' && (options.statusOf(id)?.epoch ?? 0) >= epoch) {
        tracker.setNode(id, 'switched');
      }
    }
    const waiting = tracker.view.nodes.some(({ state }) => state === 'staged');
    if (!waiting || performance.now() > deadline || signal.aborted) return;
    await delay(POLL_MS, signal);
  }
}
