import type { Reconciler } from '../reconcile/driver';
import type { Applier } from '../replication/applier';
import type { Proposer } from '../replication/proposer';
import { updateNodeFile } from './boot';
import { SYSTEM_ACTOR } from './founding';
import type { Journal } from './journal';
import { recordGrowth } from './leadership/commands';
import type { NodeFile } from './pki/node-file';

/** In node.json from the point of no return of growth until the log says that this node has grown. */
const GROWN_KEY = 'grown';

/** Writes down that this node runs on Raft, once, also where a kill came between the two. */
export interface GrowthRecord extends Reconciler {
  /** The point of no return of growth: atomic and durable. */
  commit(): void;
}

export function createGrowthRecord(deps: {
  nodeFile: NodeFile;
  dataDir: string;
  journal: () => Journal;
  applier: Applier;
  proposer: Proposer;
}): GrowthRecord {
  const { dataDir, applier, proposer } = deps;
  let due = deps.nodeFile[GROWN_KEY] === true;
  return {
    name: 'growth record',
    intervalMs: 1_000,
    commit() {
      updateNodeFile(dataDir, { mode: 'raft', [GROWN_KEY]: true });
      due = true;
    },
    async run() {
      // Before that, the position may still be in the epoch of the embedded log.
      if (!due || deps.journal().health !== 'ok') return;
      const { epoch } = applier.position;
      await proposer.propose(recordGrowth, { epoch }, { actor: SYSTEM_ACTOR, id: `epoch-${epoch}` });
      updateNodeFile(dataDir, { [GROWN_KEY]: false });
      due = false;
    },
  };
}
