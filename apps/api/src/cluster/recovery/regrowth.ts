import type { Reconciler } from '../../reconcile/driver';
import { updateNodeFile } from '../boot';
import type { Journal } from '../journal';
import type { NodeFile } from '../pki/node-file';

/** In node.json of a node that was made a cluster of one by a recovery. */
export const RECOVERED_KEY = 'recovered';

/**
 * A recovered node runs on Raft again as soon as it can: only with its cluster listener open can it tell the members that
 * it left behind that they are out, and let new ones in.
 */
export function createRegrowth(deps: {
  nodeFile: NodeFile;
  dataDir: string;
  journal: Journal;
  grow: () => Promise<void>;
}): Reconciler {
  let due = deps.nodeFile[RECOVERED_KEY] === true;
  return {
    name: 'regrowth',
    intervalMs: 5_000,
    async run() {
      if (!due) return;
      if (deps.journal.mode === 'single') await deps.grow();
      updateNodeFile(deps.dataDir, { [RECOVERED_KEY]: false });
      due = false;
    },
  };
}
