import { z } from 'zod';
import type { Logger } from '../../lib/logger';
import type { Applier } from '../../replication/applier';
import { EPOCH_HEADER } from '../listener';
import { type NodeStatus, nodeStatusSchema } from '../liveness';
import type { PeerClient, PeerTarget } from '../peer-client';
import { STATUS_PATH } from '../peer-side';

const refusalSchema = z.object({ code: z.string(), detail: z.string() });

/** Tells whether this node was put out of the cluster while it was away, in a way that its own Raft cannot know. */
export interface Fence {
  /** A peer's status; its refusal is looked at. @throws Error when there is none */
  askStatus(peer: PeerTarget): Promise<NodeStatus>;
  /**
   * Asks all peers at once, before the member is started: after a recovery the old members could otherwise make up the old
   * quorum among themselves.
   */
  askPeers(peers: readonly PeerTarget[]): Promise<boolean>;
}

/**
 * A member of a later epoch that refuses this node's key has been through a restore or a recovery in which this node was
 * left out. One of the same epoch proves nothing: it may be behind itself.
 */
export function createFence(deps: {
  client: PeerClient;
  applier: Applier;
  logger: Logger;
  /** Bound on one question, ms. */
  timeoutMs: number;
  /** Called once. */
  onRemoved: () => void;
}): Fence {
  let removed = false;

  function consider(peer: number, epoch: number): void {
    if (removed || !(epoch > deps.applier.position.epoch)) return;
    removed = true;
    deps.logger.error({ peer, epoch }, 'a member of a later epoch says that this node was removed from the cluster');
    deps.onRemoved();
  }

  async function askStatus(peer: PeerTarget): Promise<NodeStatus> {
    const answer = await deps.client.fetch(peer, STATUS_PATH, { signal: AbortSignal.timeout(deps.timeoutMs) });
    const body: unknown = await answer.json();
    if (answer.ok) return nodeStatusSchema.parse(body);
    const refusal = refusalSchema.safeParse(body).data;
    if (refusal?.code === 'node_removed') consider(peer.nodeId, Number(answer.headers.get(EPOCH_HEADER)));
    throw new Error(`it answers ${answer.status}: ${refusal?.detail ?? ''}`);
  }

  return {
    askStatus,
    async askPeers(peers) {
      await Promise.all(peers.map((peer) => askStatus(peer).catch(() => undefined)));
      return removed;
    },
  };
}
