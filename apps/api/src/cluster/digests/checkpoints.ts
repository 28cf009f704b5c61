import type { ReplicaCheck } from '@quorate/shared/replicas';
import type { StateStore } from '../../db/state-store';
import { delay } from '../../lib/async';
import { type Clock, toTimestamp } from '../../lib/clock';
import { uuidv7 } from '../../lib/ids';
import type { Logger } from '../../lib/logger';
import type { Reconciler } from '../../reconcile/driver';
import type { AppliedEntry, Applier } from '../../replication/applier';
import type { Proposer } from '../../replication/proposer';
import { SYSTEM_ACTOR } from '../founding';
import type { Journal } from '../journal';
import type { ClusterView } from '../view';
import { checkpointId, markCheckpoint, phaseOf } from './commands';
import { DigestError, type DigestThread, type StateDigest, startDigestThread } from './digest-thread';
import { digestsAt, judge, type ReplicaDigests, type Verdict } from './verdict';

export interface Checkpoints extends Reconciler {
  /** Of this node, newest first; peers hear of them by its status. */
  readonly digests: readonly StateDigest[];
  /** The members whose state a diverged node may take. */
  readonly healthy: ReadonlySet<number>;
  readonly verdict: Verdict;
  /** Compares all members now. Gives the index of the checkpoint. @throws DomainError no_quorum */
  take(): Promise<number>;
  /** The last comparison. */
  view(): ReplicaCheck | null;
  /** Forgets what was taken of a state that has been replaced. */
  reset(): void;
  stop(): void;
}

export interface CheckpointsDeps {
  readonly nodeId: number;
  readonly store: StateStore;
  readonly applier: Applier;
  readonly proposer: Proposer;
  readonly journal: Journal;
  readonly members: ClusterView;
  readonly peers: () => readonly ReplicaDigests[];
  /** This node's state is not that of the majority. */
  readonly onDiverged: (why: string) => void;
  readonly onDamaged: (why: string) => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

const KEPT = 4;
const INTERVAL_MS = 10 * 60_000;
/** At most this part of the time goes into digests: those of a large state come further apart. */
const MAX_DUTY = 0.02;
/** The threads of all members are ready by then. */
const ARM_MS = 1_500;
/** A node that reads old entries again must not take digests of long ago. */
const MAX_LAG = 200;

/** Takes digests of the state at checkpoints in the log, and compares them with those of the other members. */
export function createCheckpoints(deps: CheckpointsDeps): Checkpoints {
  const { nodeId, store, applier, proposer, journal, members, clock, logger } = deps;
  const stopping = new AbortController();
  let digests: StateDigest[] = [];
  let takenAt: number | null = null;
  let armed: DigestThread | undefined;
  let lastMs = performance.now();
  let restMs = INTERVAL_MS;
  let verdict: Verdict = { kind: 'pending' };
  let healthy: ReadonlySet<number> = new Set();
  let warned = '';

  function arm(): void {
    armed?.abandon();
    armed = startDigestThread(store.path);
  }

  /** Synchronous with the commit of the entry: the thread sees exactly its index. */
  function pin(entry: AppliedEntry): void {
    const thread = armed;
    armed = undefined;
    if (!thread) return;
    if (!thread.pin()) {
      thread.abandon();
      return;
    }
    const release = store.holdCheckpoints();
    const startedMs = performance.now();
    const keep = (found: StateDigest): void => {
      if (found.index !== entry.index || found.epoch !== entry.epoch) return;
      digests = [found, ...digests].slice(0, KEPT);
      takenAt = clock();
      restMs = Math.max(INTERVAL_MS, (performance.now() - startedMs) / MAX_DUTY);
      logger.debug({ index: found.index, digest: found.digest }, 'digest of the state taken');
    };
    const fail = (error: unknown): void => {
      logger.warn({ err: error, index: entry.index }, 'no digest of the state could be taken');
      if (error instanceof DigestError && /^SQLITE_(CORRUPT|NOTADB)/.test(error.code)) deps.onDamaged(error.message);
    };
    thread.result.then(keep, fail).finally(release);
  }

  const unsubscribe = applier.onApplied((entry) => {
    for (const { id, index } of entry.commands) {
      const phase = phaseOf(id);
      if (!phase || index !== entry.index) continue;
      lastMs = performance.now();
      if (journal.health !== 'ok' || members.tipIndex() - entry.index > MAX_LAG) continue;
      if (phase === 'arm') arm();
      else pin(entry);
    }
  });

  async function take(): Promise<number> {
    const unique = uuidv7();
    const mark = (phase: 'arm' | 'take') =>
      proposer.propose(markCheckpoint, { phase }, { actor: SYSTEM_ACTOR, id: checkpointId(phase, unique) });
    await mark('arm');
    await delay(ARM_MS, stopping.signal);
    return (await mark('take')).index;
  }

  function compare(): void {
    const own = digests[0];
    if (!own || journal.health !== 'ok') return;
    const voters = members.members().filter(({ suffrage }) => suffrage === 'voter').length;
    verdict = judge(own, deps.peers(), voters);
    if (verdict.kind === 'diverged') {
      healthy = new Set(verdict.healthy);
      const why = `at index ${own.index} its state differs from that of the nodes ${verdict.healthy.join(', ')}`;
      logger.error({ index: own.index, digest: own.digest }, `this node has diverged: ${why}`);
      deps.onDiverged(why);
    } else if (verdict.kind === 'unclear' && warned !== own.digest) {
      warned = own.digest;
      logger.error({ index: own.index }, 'the states of the members differ, and no majority has the same');
    }
  }

  function view(): ReplicaCheck | null {
    const all: ReplicaDigests[] = [{ nodeId, digests }, ...deps.peers()];
    const at = digests[0] ?? all.flatMap((one) => one.digests).sort((a, b) => b.index - a.index)[0];
    if (!at) return null;
    const known = new Map(digestsAt(at, all).map((one) => [one.nodeId, one.digest]));
    const found = [...known.values()];
    const support = (digest: string): number => found.filter((one) => one === digest).length;
    const common = [...found].sort((a, b) => support(b) - support(a))[0];
    const pending = known.size < 2;
    const replicas = members.members().map(({ id, name }) => {
      const digest = known.get(id) ?? null;
      return { id, name, digest, agrees: digest === null || pending ? null : digest === common };
    });
    const state = pending ? 'pending' : new Set(found).size === 1 ? 'equal' : 'diverged';
    return { epoch: at.epoch, index: at.index, at: takenAt ? toTimestamp(takenAt) : null, verdict: state, replicas };
  }

  return {
    name: 'checkpoints',
    intervalMs: 1_000,
    get digests() {
      return digests;
    },
    get healthy() {
      return healthy;
    },
    get verdict() {
      return verdict;
    },
    take,
    view,
    reset() {
      digests = [];
      verdict = { kind: 'pending' };
    },
    async run() {
      compare();
      if (journal.mode !== 'raft' || journal.health !== 'ok' || members.leaderId() !== nodeId) return;
      if (members.members().length < 2 || performance.now() - lastMs < restMs) return;
      await take();
    },
    stop() {
      stopping.abort();
      unsubscribe();
      armed?.abandon();
    },
  };
}
