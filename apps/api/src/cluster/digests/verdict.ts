import type { StateDigest } from './digest-thread';

export interface ReplicaDigests {
  readonly nodeId: number;
  /** The last few that this node has taken, newest first. */
  readonly digests: readonly StateDigest[];
}

export type Verdict =
  /** Nobody to compare with yet. */
  | { readonly kind: 'pending' }
  | { readonly kind: 'equal' }
  /** Most have something else: the state is to be taken from one of `healthy`. */
  | { readonly kind: 'diverged'; readonly healthy: readonly number[] }
  /** They differ, and no side has a majority. */
  | { readonly kind: 'unclear' };

const isSamePoint = (a: StateDigest, b: StateDigest): boolean =>
  a.epoch === b.epoch && a.index === b.index && a.schema === b.schema;

/** What each node has at the point of `at`. */
export const digestsAt = (
  at: StateDigest,
  replicas: readonly ReplicaDigests[],
): { readonly nodeId: number; readonly digest: string }[] =>
  replicas.flatMap(({ nodeId, digests }) => {
    const found = digests.find((one) => isSamePoint(one, at));
    return found ? [{ nodeId, digest: found.digest }] : [];
  });

/** Where this node stands beside its peers at the point of its digest. Pure. */
export function judge(own: StateDigest, peers: readonly ReplicaDigests[], voters: number): Verdict {
  const others = digestsAt(own, peers);
  if (others.length === 0) return { kind: 'pending' };
  const differing = others.filter(({ digest }) => digest !== own.digest);
  if (differing.length === 0) return { kind: 'equal' };
  for (const { digest } of differing) {
    const group = differing.filter((one) => one.digest === digest);
    if (group.length > voters / 2) return { kind: 'diverged', healthy: group.map(({ nodeId }) => nodeId) };
  }
  if (others.length - differing.length + 1 > voters / 2) return { kind: 'equal' };
  return others.length + 1 >= voters ? { kind: 'unclear' } : { kind: 'pending' };
}
