import { type Cluster, clusterRoutes } from '@quorate/shared/cluster';
import { loadNodeFile } from '../cluster/pki/node-file';
import { delay } from '../lib/async';
import { openAgent } from './agent-client';
import type { JoinProgress } from './progress';

/** How a join that was followed came out. */
export type FollowEnd =
  | { readonly kind: 'voter'; readonly nodeId: number }
  | { readonly kind: 'stopped'; readonly why: string }
  | { readonly kind: 'cancelled' };

const POLL_MS = 200;
/** Asking systemd costs a process. */
const TROUBLE_EVERY_MS = 2_000;

/** Follows a running daemon from its admission to its vote: over the agent socket, and by node.json before that answers. */
export async function followJoin(options: {
  dataDir: string;
  progress: JoinProgress;
  signal: AbortSignal;
  /** A reason to give up, such as a unit that does not stay up. */
  trouble: () => Promise<string | undefined>;
  /** Ends the wait when nothing has moved for so long, ms. */
  stallMs: number;
}): Promise<FollowEnd> {
  const { dataDir, progress, signal } = options;
  const agent = openAgent(dataDir, 2_000);
  let seen = '';
  let movedAt = performance.now();
  let askedAt = performance.now();
  try {
    while (!signal.aborted) {
      const cluster = await agent.client.call(clusterRoutes.get, {}).catch(() => undefined);
      const state = cluster ? showMember(cluster, progress, dataDir) : showFile(dataDir, progress);
      if (state === 'voter' && cluster) return { kind: 'voter', nodeId: cluster.node_id };
      if (state === 'removed') return { kind: 'stopped', why: REMOVED };
      const now = performance.now();
      if (state !== seen) [seen, movedAt] = [state, now];
      if (now - movedAt > options.stallMs) return { kind: 'stopped', why: stalled(options.stallMs, cluster) };
      if (now - askedAt > TROUBLE_EVERY_MS) {
        askedAt = now;
        const why = await options.trouble();
        if (why !== undefined) return { kind: 'stopped', why };
      }
      await delay(POLL_MS, signal);
    }
    return { kind: 'cancelled' };
  } finally {
    await agent.close();
  }
}

export const REMOVED =
  'this node was removed from the cluster; mint a new token and run "quorated join" with --force, which moves its old state aside and joins as a new node';

/** Shows where this node stands by its own view; returns something that changes with every step. */
function showMember(cluster: Cluster, progress: JoinProgress, dataDir: string): string {
  const own = cluster.members.find((member) => member.self);
  // Having been a member, it has read of its own removal.
  if (!own && loadNodeFile(dataDir)?.stage === 'complete') return 'removed';
  if (!own || own.suffrage === 'joining') {
    progress.waiting('waiting to become a learner');
    return 'joining';
  }
  // Its state may be old: only a member that takes part in Raft knows what it is.
  if (own.health !== 'healthy') {
    if (own.health_detail.startsWith('removed from the cluster')) return 'removed';
    progress.waiting('waiting for its Raft member to take part');
    return own.health_detail;
  }
  if (own.suffrage === 'voter') {
    progress.reach('voter');
    return 'voter';
  }
  progress.reach('learner');
  const { applied_index: applied, tip_index: tip } = cluster;
  const percent = tip === 0 ? 0 : Math.floor((100 * applied) / tip);
  if (percent >= 100) progress.reach('caught_up', `index ${tip}`);
  progress.waiting(percent >= 100 ? 'waiting to be promoted' : `catching up: ${percent} %`);
  return `learner ${applied}`;
}

/** Before the socket answers, node.json says how far the daemon is. */
function showFile(dataDir: string, progress: JoinProgress): string {
  const stage = loadNodeFile(dataDir)?.stage ?? 'none';
  if (stage === 'learner') progress.reach('learner');
  progress.waiting(stage === 'admitted' ? 'waiting to be added as a learner' : 'waiting for the node to answer');
  return stage;
}

function stalled(stallMs: number, cluster: Cluster | undefined): string {
  const seconds = Math.round(stallMs / 1000);
  const own = cluster?.members.find((member) => member.self);
  const detail = own?.health_detail ? ` (${own.health_detail})` : '';
  return `nothing has moved for ${seconds} s${detail}`;
}
