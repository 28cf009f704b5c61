import type { LocalEvents } from '../events/local-events';
import type { Logger } from '../lib/logger';
import type { Reconciler } from '../reconcile/driver';
import type { Journal } from './journal';
import type { ClusterView } from './view';

/** Compacting a little at a time costs etcd more than it frees. */
const STEP_FRACTION = 0.1;

/**
 * Below which index the log may be trimmed, or undefined. Everything below is in the state file of each member that
 * answers and in a verified snapshot; a member that does not answer is not waited for, it installs a snapshot when it
 * comes back. Pure.
 */
export function planCompaction(input: {
  readonly tip: number;
  readonly retain: number;
  /** Applied index of each member that answers, the leader included. */
  readonly applied: readonly number[];
  /** Index of the newest verified snapshot; 0 = none. */
  readonly covered: number;
  readonly lastCompacted: number;
}): number | undefined {
  const before = Math.min(input.tip - input.retain, input.covered, ...input.applied);
  return before - input.lastCompacted >= Math.max(1, input.retain * STEP_FRACTION) ? before : undefined;
}

export interface Compactor extends Reconciler {
  /** Trims all that may be trimmed at all, whatever `raft.retain_entries` says. Gives the first index that is kept. */
  compactNow(): Promise<number>;
}

/** Keeps the journal at about `raft.retain_entries`, or shorter when it is nearly full. Runs on the leader; safe to run twice. */
export function createCompactor(deps: {
  readonly nodeId: number;
  readonly retain: number;
  readonly journal: Journal;
  readonly view: ClusterView;
  readonly coveredIndex: () => number;
  readonly isJournalFull: () => boolean;
  readonly localEvents: LocalEvents;
  readonly logger: Logger;
}): Compactor {
  let lastCompacted = 0;

  function plan(retain: number): number | undefined {
    const members = deps.view.members();
    // Just started: whether it lives, and how far it is, nobody has told yet.
    if (members.some((member) => member.health === 'unknown')) return undefined;
    const applied = members
      .filter((member) => member.health !== 'unreachable' && member.applied_index !== null)
      .map((member) => member.applied_index ?? 0);
    const covered = deps.coveredIndex();
    return planCompaction({ tip: deps.view.tipIndex(), retain, applied, covered, lastCompacted });
  }

  async function compact(before: number): Promise<void> {
    await deps.journal.log.compact(before);
    lastCompacted = before;
    deps.localEvents.record('log.compacted', `the log was trimmed below index ${before}`, { before });
    deps.logger.info({ before }, 'the log was compacted');
  }

  return {
    name: 'compaction',
    intervalMs: 5_000,
    async compactNow() {
      const before = plan(0);
      if (before !== undefined) await compact(before);
      return lastCompacted;
    },
    async run() {
      const { journal, view } = deps;
      if (journal.mode !== 'raft' || journal.health !== 'ok' || view.leaderId() !== deps.nodeId) return;
      const before = plan(deps.isJournalFull() ? 0 : deps.retain);
      if (before !== undefined) await compact(before);
    },
  };
}
