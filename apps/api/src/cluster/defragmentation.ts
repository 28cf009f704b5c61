import type { Logger } from '../lib/logger';
import type { Reconciler } from '../reconcile/driver';
import type { EtcdClient } from '../replication/etcd/client';
import { allStatuses, type MemberStatus, newestLeader } from '../replication/etcd/members';
import type { Journal } from './journal';
import type { ClusterView } from './view';

/** Below this size there is nothing to gain. */
const MIN_BYTES = 64 * 1024 ** 2;
/** Free part of the file from which on rewriting it is worth the pause. */
const MIN_FREE_FRACTION = 0.5;
/** Raft entries behind which a member counts as catching up. */
const MAX_LAG = 1_000;
/** Copies what is in use; a member serves nothing meanwhile. */
const DEFRAGMENT_MS = 120_000;
const INTERVAL_MS = 60_000;

export type DefragmentPlan =
  | { readonly kind: 'member'; readonly id: string }
  | { readonly kind: 'hand_over' }
  | undefined;

/**
 * Which member's file to rewrite next: one at a time, followers first, only while every other voter keeps up. The leader
 * hands over first, unless it is alone. Pure.
 */
export function planDefragmentation(statuses: readonly MemberStatus[]): DefragmentPlan {
  const leader = newestLeader(statuses);
  const voters = statuses.filter(({ member }) => !member.is_learner);
  const tip = Math.max(...statuses.map(({ status }) => Number(status?.raft_index ?? 0)));
  const keepsUp = ({ status }: MemberStatus): boolean =>
    status !== null && tip - Number(status.raft_applied_index) <= MAX_LAG;
  if (leader === null || voters.length !== statuses.length || !voters.every(keepsUp)) return undefined;
  const worthwhile = voters.filter(({ status }) => {
    const size = Number(status?.db_size ?? 0);
    return size >= MIN_BYTES && size - Number(status?.db_size_in_use ?? 0) >= size * MIN_FREE_FRACTION;
  });
  const follower = worthwhile.find(({ member }) => member.id !== leader);
  if (follower) return { kind: 'member', id: follower.member.id };
  if (worthwhile.length === 0) return undefined;
  return voters.length === 1 ? { kind: 'member', id: leader } : { kind: 'hand_over' };
}

/** Rewrites one member's file without what is free in it. @throws EtcdError */
export async function defragment(client: EtcdClient, { member }: MemberStatus): Promise<void> {
  const endpoint = member.client_urls[0];
  if (!endpoint) throw new Error(`${member.name} has no client address`);
  const options = { retry: 'unsent', endpoint, deadlineMs: DEFRAGMENT_MS, requireLeader: false } as const;
  await client.call('Maintenance.Defragment', {}, options);
}

/** Gives the disk space of trimmed entries back. Runs on the leader, one member a minute at most. */
export function createDefragmenter(deps: {
  readonly nodeId: number;
  readonly journal: Journal;
  readonly view: ClusterView;
  readonly handOver: () => Promise<unknown>;
  readonly logger: Logger;
}): Reconciler {
  const { journal, view, logger } = deps;
  return {
    name: 'defragmentation',
    intervalMs: INTERVAL_MS,
    async run() {
      const client = journal.engine?.client;
      if (!client || journal.health !== 'ok' || view.leaderId() !== deps.nodeId) return;
      // A small file of our own says that there is nothing to do anywhere, without asking anybody.
      if ((journal.raft?.current.dbSizeBytes ?? 0) < MIN_BYTES) return;
      const statuses = await allStatuses(client);
      const plan = planDefragmentation(statuses);
      if (plan?.kind === 'hand_over') {
        logger.info('leadership is handed over, so that the file of this member can be defragmented');
        await deps.handOver();
      }
      const target = plan?.kind === 'member' ? statuses.find(({ member }) => member.id === plan.id) : undefined;
      if (!target) return;
      const startedMs = performance.now();
      await defragment(client, target);
      const tookMs = Math.round(performance.now() - startedMs);
      logger.info({ member: target.member.name, tookMs }, 'the file of an etcd member was defragmented');
    },
  };
}
