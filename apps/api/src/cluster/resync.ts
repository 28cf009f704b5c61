import type { Applier } from '../replication/applier';
import type { NodeStatus } from './liveness';
import type { PeerTarget } from './peer-client';

/** Fetches the state of the most advanced peer. @returns a function that throws Error when no peer has a newer state */
export function createResync(deps: {
  peers: () => readonly PeerTarget[];
  /** What a peer said last, however long ago. */
  statusOf: (nodeId: number) => NodeStatus | undefined;
  installFrom: (peer: PeerTarget) => Promise<boolean>;
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
    return [...deps.peers()].sort(byStanding)[0];
  }

  return async () => {
    const peer = newest();
    if (!peer) throw new Error('no peer is known');
    const [peerEpoch, peerIndex] = standing(peer);
    const { epoch, index } = deps.applier.position;
    const isOld = peerEpoch >= 0 && (peerEpoch < epoch || (peerEpoch === epoch && peerIndex <= index));
    if (isOld || !(await deps.installFrom(peer))) {
      throw new Error(`node ${peer.nodeId} has no newer state than this node`);
    }
    await deps.onInstalled();
  };
}
