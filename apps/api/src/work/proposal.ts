import type { Actor } from '../commands/define-command';
import { uuidv7 } from '../lib/ids';

/** What the node proposes by itself. */
export function systemProposal(nodeId: number): { actor: Actor; id: string } {
  return { actor: { kind: 'node', id: String(nodeId), name: `node-${nodeId}` }, id: uuidv7() };
}
