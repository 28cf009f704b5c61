import { delay } from '../lib/async';
import type { Clock } from '../lib/clock';
import { EtcdError } from '../replication/etcd/errors';
import { listMembers } from '../replication/etcd/members';
import { nodeIdOfMember, type RaftEngine } from './raft-engine';

/** What the local etcd member says of itself and its cluster. */
export interface RaftStatus {
  readonly answered: boolean;
  readonly memberId: string;
  readonly term: number;
  /** Node id of the leader; null while there is none or it is not known by name yet. */
  readonly leaderId: number | null;
  readonly hasLeader: boolean;
  readonly isLearner: boolean;
  readonly etcdVersion: string | null;
  readonly alarms: readonly string[];
  /** Size of its database, free pages included. */
  readonly dbSizeBytes: number | null;
  /** What of it is in use: defragmentation frees the rest. */
  readonly dbInUseBytes: number | null;
  /** When the answer came, ms. */
  readonly at: number;
}

export interface RaftStatusPoller {
  readonly current: RaftStatus;
  /** False once the local member has said for a while that there is no leader. */
  quorumHeld(): boolean;
  onChange(listener: (next: RaftStatus, previous: RaftStatus) => void): () => void;
  stop(): void;
}

const NO_STATUS: RaftStatus = {
  answered: false,
  memberId: '',
  term: 0,
  leaderId: null,
  hasLeader: false,
  isLearner: false,
  etcdVersion: null,
  alarms: [],
  dbSizeBytes: null,
  dbInUseBytes: null,
  at: 0,
};

const POLL_MS = 150;
const ANSWER_MS = 500;
/** One lost answer is no outage. */
const SILENCE_GRACE_MS = 1_500;
/** Elections take a third of a second; only after this long without a leader are writes refused at once. */
const LEADERLESS_GRACE_MS = 2_000;

/** Asks the local member every {@link POLL_MS}; cheap, since the status is served from memory. */
export function startRaftStatusPoller(engine: RaftEngine, clock: Clock): RaftStatusPoller {
  const stopping = new AbortController();
  const listeners = new Set<(next: RaftStatus, previous: RaftStatus) => void>();
  const names = new Map<string, number>();
  let current = NO_STATUS;
  /** Monotonic: a clock that is set must not look like an outage. */
  let leaderSeenAt = performance.now();
  let answeredAt = 0;

  async function nodeIdOf(memberId: string): Promise<number | null> {
    const known = names.get(memberId);
    if (known !== undefined) return known;
    const members = await listMembers(engine.client).catch(() => []);
    for (const member of members) {
      const nodeId = nodeIdOfMember(member.name);
      if (nodeId !== undefined) names.set(member.id, nodeId);
    }
    return names.get(memberId) ?? null;
  }

  const { election, ownEndpoint } = engine;
  const own = ownEndpoint === undefined ? {} : { endpoint: ownEndpoint };

  async function ask(): Promise<RaftStatus> {
    try {
      const status = await engine.client.call(
        'Maintenance.Status',
        {},
        { retry: 'safe', ...own, requireLeader: false, deadlineMs: ANSWER_MS },
      );
      answeredAt = performance.now();
      const hasLeader = status.leader !== '0';
      return {
        answered: true,
        memberId: status.header.member_id,
        term: election ? election.term() : Number(status.raft_term),
        leaderId: election ? election.leaderId() : hasLeader ? await nodeIdOf(status.leader) : null,
        hasLeader,
        isLearner: status.is_learner,
        etcdVersion: status.version,
        alarms: status.errors,
        dbSizeBytes: Number(status.db_size),
        dbInUseBytes: Number(status.db_size_in_use),
        at: clock(),
      };
    } catch (error) {
      // A busy member answers late now and then; one that is gone refuses the connection at once.
      const late = error instanceof EtcdError && error.kind === 'timeout';
      if (late && performance.now() - answeredAt < SILENCE_GRACE_MS) return current;
      return { ...current, answered: false, hasLeader: false, leaderId: null };
    }
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      const previous = current;
      current = await ask();
      // A member of ours that is silent is asked for through the others; one that is not ours is all there is.
      if (current.hasLeader || (!current.answered && !engine.external)) leaderSeenAt = performance.now();
      for (const listener of listeners) listener(current, previous);
      await delay(POLL_MS, stopping.signal);
    }
  }
  void run();

  return {
    get current() {
      return current;
    },
    quorumHeld: () => performance.now() - leaderSeenAt < LEADERLESS_GRACE_MS,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    stop: () => stopping.abort(),
  };
}
