import type { PeerSight } from './plan';
import type { Lease } from './queries';
import { type ConnectorReport, parseReport } from './report';

/** What the nodes' exchange of status knows of another node. */
export interface PeerAnswer {
  readonly reachable: boolean;
  /** Its last question was answered. */
  readonly answers: boolean;
  /** Time of its last answer, ms since the epoch, by this node's clock. */
  readonly lastSeenAt: number | null;
  /** What its connector said of itself. */
  readonly connector: unknown;
}

export interface Sight {
  peers(): PeerSight[];
  reportOf(id: number): ConnectorReport | undefined;
  lastSeenAt(id: number): number | null;
  /** The active node has no connection, as far as is known here. */
  trouble(): boolean;
  /** The generation that the active node proved in its last answer. */
  sees(): number | null;
}

interface Seen {
  readonly raw: unknown;
  readonly report: ConnectorReport | undefined;
  readonly atMs: number;
}

/** The other core nodes as this one sees them, with since when. */
export function createSight(options: {
  peers: () => readonly number[];
  peer: (id: number) => PeerAnswer | undefined;
  lease: () => Lease | undefined;
}): Sight {
  const seen = new Map<number, Seen>();
  /** When a peer was last known to prove a generation, or when this node began to look. */
  const proved = new Map<number, { generation: number; atMs: number }>();

  function look(id: number): Seen | undefined {
    const answer = options.peer(id);
    if (!answer) return undefined;
    const known = seen.get(id);
    if (known && known.raw === answer.connector) return known;
    const fresh = { raw: answer.connector, report: parseReport(answer.connector), atMs: performance.now() };
    seen.set(id, fresh);
    return fresh;
  }

  /** For how long the holder has not proved the lease. A generation that is new here gets its time from now on. */
  function unprovenMs(id: number, report: ConnectorReport | undefined): number {
    const lease = options.lease();
    if (!lease || lease.holder !== id) return 0;
    const now = performance.now();
    const known = proved.get(id);
    if (!known || known.generation !== lease.generation || report?.proven === lease.generation) {
      proved.set(id, { generation: lease.generation, atMs: now });
      return 0;
    }
    return now - known.atMs;
  }

  function view(id: number): PeerSight {
    const { report, atMs } = look(id) ?? {};
    return {
      id,
      reachable: options.peer(id)?.reachable ?? false,
      report,
      unprovenMs: unprovenMs(id, report),
      reportAgoMs: atMs === undefined ? Number.POSITIVE_INFINITY : performance.now() - atMs,
    };
  }

  return {
    peers: () => options.peers().map(view),
    reportOf: (id) => (options.peer(id)?.reachable ? look(id)?.report : undefined),
    lastSeenAt: (id) => options.peer(id)?.lastSeenAt ?? null,
    trouble() {
      const holder = options.lease()?.holder;
      if (holder === null || holder === undefined) return true;
      if (!options.peers().includes(holder)) return true;
      const answer = options.peer(holder);
      return !answer?.reachable || look(holder)?.report?.connected !== true;
    },
    sees() {
      const lease = options.lease();
      const holder = lease?.holder ?? null;
      if (!lease || holder === null || !options.peer(holder)?.answers) return null;
      return look(holder)?.report?.proven === lease.generation ? lease.generation : null;
    },
  };
}
