import { alarmSchema } from '@quorate/shared/alarms';
import { metricsBatchSchema } from '@quorate/shared/runner-protocol';
import { z } from 'zod';
import { delay } from '../lib/async';
import type { Clock } from '../lib/clock';
import type { PeerTarget } from './peer-client';

/** What a node tells its peers about itself, each second, over the cluster listener. */
export const nodeStatusSchema = z.object({
  node_id: z.int(),
  version: z.string(),
  feature_level: z.int(),
  epoch: z.int(),
  applied_index: z.int(),
  health: z.string(),
  etcd_version: z.string().nullable(),
  etcd_answers: z.boolean(),
  leader_id: z.int().nullable(),
  term: z.int(),
  certificate_expires_at: z.int(),
  /** Its clock, ms, when it answered. */
  now: z.int(),
  /** Alarms about itself. */
  alarms: z.array(alarmSchema).max(100).catch([]),
  /** Runners that it has heard of in the last minute, and how long ago. */
  runners: z
    .array(z.object({ id: z.string(), ago_ms: z.number() }))
    .max(1_000)
    .catch([]),
  /** What the runner inside it measured last. */
  embedded_runner: z.object({ id: z.string(), batch: metricsBatchSchema }).nullable().catch(null),
  /** Load balancers that it has heard of, and how long ago. */
  balancers: z
    .array(z.object({ name: z.string(), ago_ms: z.number() }))
    .max(64)
    .catch([]),
  /** What its connection to the upstream is like; what that means, the connector knows. */
  connector: z.unknown(),
  /** Digests that it has taken of its state, newest first. */
  digests: z
    .array(z.object({ epoch: z.int(), index: z.int(), schema: z.int(), digest: z.string() }))
    .max(16)
    .catch([]),
});
export type NodeStatus = z.infer<typeof nodeStatusSchema>;

export interface PeerObservation {
  readonly status: NodeStatus | undefined;
  readonly reachable: boolean;
  readonly roundTripMs: number | null;
  /** The peer's clock minus ours, by half the round trip. */
  readonly clockOffsetMs: number | null;
  /** The peer's clock minus our monotonic one, as last measured: it stays true when our clock jumps, and while nobody answers. */
  readonly monotonicOffsetMs: number | null;
  readonly lastSeenAt: number | null;
  readonly error: string;
}

export interface Liveness {
  observe(nodeId: number): PeerObservation | undefined;
  /** Runs after each round with the ids that were asked. */
  onRound(listener: (ids: readonly number[]) => void): () => void;
  stop(): void;
}

const INTERVAL_MS = 500;
/** One lost answer is no outage. */
const UNREACHABLE_AFTER_MS = 1_500;

/** fetch hides the reason of a failure in its cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return 'timed out';
  return error.cause instanceof Error ? error.cause.message : error.message;
}

/** Polls every other member; lives in memory, never in the log. */
export function startLiveness(options: {
  peers: () => readonly PeerTarget[];
  ask: (peer: PeerTarget) => Promise<NodeStatus>;
  clock: Clock;
}): Liveness {
  const { clock } = options;
  const stopping = new AbortController();
  const observations = new Map<number, PeerObservation>();
  /** Of their last answers, on the clock of `performance.now()`: one that is set back must bring nobody back to life. */
  const answeredMs = new Map<number, number>();
  const listeners = new Set<(ids: readonly number[]) => void>();

  async function poll(peer: PeerTarget): Promise<void> {
    const startedAt = clock();
    const started = performance.now();
    try {
      const status = await options.ask(peer);
      const roundTripMs = Math.round((performance.now() - started) * 10) / 10;
      const clockOffsetMs = Math.round(status.now - startedAt - roundTripMs / 2);
      const monotonicOffsetMs = status.now - started - roundTripMs / 2;
      const offsets = { clockOffsetMs, monotonicOffsetMs };
      const seen = { status, reachable: true, roundTripMs, ...offsets, lastSeenAt: clock(), error: '' };
      observations.set(peer.nodeId, seen);
      answeredMs.set(peer.nodeId, performance.now());
    } catch (error) {
      const before = observations.get(peer.nodeId);
      const lastSeenAt = before?.lastSeenAt ?? null;
      const sinceMs = performance.now() - (answeredMs.get(peer.nodeId) ?? Number.NEGATIVE_INFINITY);
      const reachable = lastSeenAt !== null && sinceMs < UNREACHABLE_AFTER_MS;
      const why = reasonOf(error);
      const gone = {
        status: before?.status,
        reachable,
        roundTripMs: null,
        clockOffsetMs: null,
        monotonicOffsetMs: before?.monotonicOffsetMs ?? null,
        lastSeenAt,
        error: why,
      };
      observations.set(peer.nodeId, gone);
    }
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      const peers = options.peers();
      const ids = new Set(peers.map((peer) => peer.nodeId));
      for (const id of observations.keys()) if (!ids.has(id)) observations.delete(id);
      for (const id of answeredMs.keys()) if (!ids.has(id)) answeredMs.delete(id);
      await Promise.all(peers.map(poll));
      for (const listener of listeners) listener([...ids]);
      await delay(INTERVAL_MS, stopping.signal);
    }
  }
  void run();

  return {
    observe: (nodeId) => observations.get(nodeId),
    onRound(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    stop: () => stopping.abort(),
  };
}
