import type { Applier } from '../replication/applier';
import type { NodeStatus } from './liveness';
import type { PeerTarget } from './peer-client';

/**
 * Fetches the state of the most advanced peer, or in place of a state that is not to be trusted that of a healthy one.
 * @returns a function that throws Error when no peer has a newer state
 */
export function createResync(deps: {
  peers: () => readonly PeerTarget[];
  /** What a peer said last, however long ago. */
  statusOf: (nodeId: number) => NodeStatus | undefined;
  /** `replacing`: a state of the same index will do. */
  installFrom: (peer: PeerTarget, replacing: boolean) => Promise<boolean>;
  /** The own state is not to be trusted. */
  isDistrusted: () => boolean;
  /** The members whose state is known to be that of the majority; empty = not known. */
  healthy: () => ReadonlySet<number>;
  applier: Applier;
  onInstalled: () => Promise<void>;
}): () => Promise<void> {
  const standing = ({ nodeId }: PeerTarget): [epoch: number, index: number] => {
    const status = deps.statusOf(nodeId);
    return status ? [status.epoch, status.applied_index] : [-1, -1];
  };

  /** The newest epoch first, then who has applied the most; any when none has answered yet. */
  function newest(): PeerTarget | undefined {
    const byStanding = (a: PeerTarget, b: PeerTarget): number => {
      const [[epochA, indexA], [epochB, indexB]] = [standing(a), standing(b)];
      return epochB - epochA || indexB - indexA;
    };
    const healthy = deps.isDistrusted() ? deps.healthy() : new Set<number>();
    return [...deps.peers()].filter(({ nodeId }) => healthy.size === 0 || healthy.has(nodeId)).sort(byStanding)[0];
  }

  return async () => {
    const peer = newest();
    if (!peer) throw new Error('no peer is known');
    const [peerEpoch, peerIndex] = standing(peer);
    const { epoch, index } = deps.applier.position;
    const replacing = deps.isDistrusted();
    const needed = replacing ? index : index + 1;
    const isOld = peerEpoch >= 0 && (peerEpoch < epoch || (peerEpoch === epoch && peerIndex < needed));
    if (isOld || !(await deps.installFrom(peer, replacing))) {
      throw new Error(`node ${peer.nodeId} has no newer state than this node`);
    }
    await deps.onInstalled();
  };
}
