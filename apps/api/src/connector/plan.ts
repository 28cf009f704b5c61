import type { TakeoverReason } from '@quorate/shared/connector';
import type { Lease } from './queries';
import type { ConnectorReport } from './report';
import { PREFERRED_MS, PRIMARY_STABLE_MS, RANK_MS, UNPROVEN_MS, UPSTREAM_LOST_MS } from './timings';

// Who should hold the lease. This decides when somebody tries; that two never do at once is up to the lease alone, so a
// wrong guess here costs a takeover and nothing else.

/** Another core node, as this one sees it. All times in ms. */
export interface PeerSight {
  readonly id: number;
  /** It has answered within the last 1.5 s. */
  readonly reachable: boolean;
  /** Its last answer; undefined when it never answered, or has no connector. */
  readonly report: ConnectorReport | undefined;
  /** For how long it has not proved the lease's generation, as seen from here. */
  readonly unprovenMs: number;
  /** Since when `report` is known. */
  readonly reportAgoMs: number;
}

export interface Standby {
  readonly own: { readonly id: number; readonly session: string; readonly isPrimary: boolean };
  readonly lease: Lease | undefined;
  /** Since this node has seen the lease as it is. */
  readonly leaseAgeMs: number;
  /** Since this node has started: at first nobody has answered yet. */
  readonly upMs: number;
  readonly members: readonly number[];
  readonly peers: readonly PeerSight[];
}

const STARTING_MS = 3_000;

/** Why this node should claim the lease now, or undefined. It must reach the upstream; that is for the caller to know. */
export function reasonToClaim(view: Standby): TakeoverReason | undefined {
  const { lease, own } = view;
  if (!lease || lease.holder === null) {
    const since = view.leaseAgeMs - waitOfRank(view);
    if (lease?.preferred === own.id) return lease.reason;
    const patience = preferredIsThere(view) ? PREFERRED_MS : 0;
    return since >= patience ? (lease?.reason ?? 'first') : undefined;
  }
  if (lease.holder === own.id) return lease.session === own.session ? undefined : 'restarted';
  const lost = whyLost(view, lease.holder, lease.generation);
  return lost;
}

/** Why the active node is taken for lost, or undefined. */
function whyLost(view: Standby, holder: number, generation: number): TakeoverReason | undefined {
  if (!view.members.includes(holder)) return 'node_removed';
  if (view.upMs < STARTING_MS) return undefined;
  const peer = view.peers.find(({ id }) => id === holder);
  const wait = waitOfRank(view);
  if (!peer?.reachable) {
    // One cable between two nodes is no reason, when a third node hears that the active one is well.
    const seen = view.peers.some(
      ({ id, reachable, report }) => id !== holder && reachable && report?.sees === generation,
    );
    return seen || (peer?.reportAgoMs ?? Number.POSITIVE_INFINITY) < wait ? undefined : 'node_lost';
  }
  return peer.unprovenMs >= UNPROVEN_MS + wait ? 'quorum_lost' : undefined;
}

const preferredIsThere = ({ lease, peers }: Standby): boolean =>
  lease?.preferred !== null &&
  peers.some(({ id, reachable, report }) => id === lease?.preferred && reachable && report?.takes_part === true);

/** Primaries first, then the lowest id; only those count that could take over. */
function waitOfRank({ own, peers, lease }: Standby): number {
  const ahead = peers.filter(({ id, reachable, report }) => {
    if (id === lease?.holder || !reachable || !report?.takes_part || report.reachable !== true) return false;
    return report.is_primary === own.isPrimary ? id < own.id : report.is_primary;
  });
  return ahead.length * RANK_MS;
}

export interface Holding {
  readonly own: { readonly isPrimary: boolean };
  readonly takesPart: boolean;
  readonly drained: boolean;
  readonly connected: boolean;
  /** Since the connection was lost, or could first have been made, ms; 0 while it is there. */
  readonly lostMs: number;
  /** An attempt to connect that began after that has failed. */
  readonly triedSince: boolean;
  readonly peers: readonly PeerSight[];
}

/** Why the active node should yield, and to whom; undefined = it should not. */
export function reasonToYield(view: Holding): { reason: TakeoverReason; to: number | null } | undefined {
  if (!view.takesPart) return { reason: 'settings', to: null };
  const able = [...view.peers]
    .filter(({ reachable, report }) => reachable && report?.takes_part === true && report.reachable === true)
    .sort((a, b) => Number(b.report?.is_primary) - Number(a.report?.is_primary) || a.id - b.id);
  if (view.drained && able[0]) return { reason: 'drained', to: able[0].id };
  const primary = able.find(({ report }) => report?.is_primary && report.ready_ms >= PRIMARY_STABLE_MS);
  if (!view.own.isPrimary && primary) return { reason: 'primary_back', to: primary.id };
  if (view.connected || view.lostMs < UPSTREAM_LOST_MS || !view.triedSince) return undefined;
  // What another node found out before the connection was lost says nothing.
  const better = able.find(({ report, reportAgoMs }) => (report?.checked_ago_ms ?? 0) + reportAgoMs < view.lostMs);
  return better ? { reason: 'upstream_lost', to: better.id } : undefined;
}

/** Why nobody is connected although an upstream is named, by what the nodes say; undefined while all is as it should be. */
export function reasonUnconnected(
  enabled: boolean,
  reports: readonly Pick<ConnectorReport, 'url' | 'connected' | 'problem'>[],
): string | undefined {
  if (!enabled || reports.every(({ url }) => url === '') || reports.some(({ connected }) => connected))
    return undefined;
  return reports.find(({ problem }) => problem !== '')?.problem ?? 'no node has become the active one';
}
