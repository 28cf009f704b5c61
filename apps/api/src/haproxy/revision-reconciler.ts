import type { Actor } from '../commands/define-command';
import type { StateDb } from '../db/state-store';
import type { Clock } from '../lib/clock';
import { uuidv7 } from '../lib/ids';
import type { Reconciler } from '../reconcile/driver';
import type { Proposer } from '../replication/proposer';
import { recordRevision } from './commands';
import { type HaproxySource, planRevision } from './current';

const ACTOR: Actor = { kind: 'node', id: 'system', name: 'system' };

/** Records a revision when membership or settings have changed what would be rendered. Runs on the leader. */
export function createRevisionReconciler(deps: {
  isLeader: () => boolean;
  db: () => StateDb;
  source: HaproxySource;
  clock: Clock;
  proposer: Proposer;
}): Reconciler {
  return {
    name: 'haproxy-revisions',
    intervalMs: 1_000,
    async run() {
      if (!deps.isLeader()) return;
      const revision = planRevision(deps.db(), deps.source, deps.clock());
      if (revision) await deps.proposer.propose(recordRevision, revision, { actor: ACTOR, id: uuidv7() });
    },
  };
}
