import type { Logger } from '../lib/logger';
import type { Reconciler } from '../reconcile/driver';
import type { Journal } from './journal';
import type { ClusterView } from './view';

/** Compacting a little at a time costs etcd more than it frees. */
const STEP_FRACTION = 0.1;

/**
 * Below which index the log may be trimmed, or undefined. Everything below is in the state file of each member that
 * answers; a member that does not answer is not waited for, it installs a snapshot when it comes back. Pure.
 */
export function planCompaction(input: {
  tip: number;
  retain: number;
  /** Applied index of each member that answers, the leader included. */
  applied: readonly number[];
  lastCompacted: number;
}): number | undefined {
  const before = Math.min(input.tip - input.retain, ...input.applied);
  return before - input.lastCompacted >= Math.max(1, input.retain * STEP_FRACTION) ? before : undefined;
}

/** Keeps the journal at about `raft.retain_entries`. Runs on the leader; safe to run twice. */
export function createCompactor(deps: {
  nodeId: number;
  retain: number;
  journal: Journal;
  view: ClusterView;
  logger: Logger;
}): Reconciler {
  let lastCompacted = 0;
  return {
    name: 'compaction',
    intervalMs: 5_000,
    async run() {
      const { journal, view, retain } = deps;
      if (journal.mode !== 'raft' || journal.health !== 'ok' || view.leaderId() !== deps.nodeId) return;
      const applied = view
        .members()
        .filter((member) => member.health !== 'unreachable' && member.applied_index !== null)
        .map((member) => member.applied_index ?? 0);
      const before = planCompaction({ tip: view.tipIndex(), retain, applied, lastCompacted });
      if (before === undefined) return;
      await journal.log.compact(before);
      lastCompacted = before;
      deps.logger.info({ before }, 'the log was compacted');
    },
  };
}
