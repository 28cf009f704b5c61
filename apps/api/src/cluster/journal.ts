import { rmSync } from 'node:fs';
import { DomainError } from '../commands/domain-error';
import type { Config } from '../config/derive';
import type { StateStore } from '../db/state-store';
import { delay, withTimeout } from '../lib/async';
import type { Clock } from '../lib/clock';
import type { Logger } from '../lib/logger';
import type { Applier } from '../replication/applier';
import { createBarrier } from '../replication/barrier';
import { etcdVersion } from '../replication/etcd/binary';
import { EtcdError } from '../replication/etcd/errors';
import { EtcdStartError } from '../replication/etcd/supervisor';
import { createEtcdLog } from '../replication/etcd-log';
import { readGenesis, type StoredGenesis } from '../replication/etcd-log-genesis';
import { createLocalLog } from '../replication/local-log';
import { type Log, LogUnavailable } from '../replication/log';
import type { Proposer } from '../replication/proposer';
import { advertisedAddresses } from './addresses';
import { createExternalEngine } from './external/engine';
import { writeFirstGenesis } from './external/first-genesis';
import { createRaftEngine, memberName, type RaftEngine, raftDirOf } from './raft-engine';
import { type RaftStatusPoller, startRaftStatusPoller } from './raft-status';

export type JournalHealth = 'ok' | 'starting' | 'resyncing' | 'diverged' | 'upgrade_required' | 'removed';

/** Which log this node is on, and the change from one to the other. */
export interface Journal {
  readonly mode: 'single' | 'raft';
  readonly growing: boolean;
  readonly health: JournalHealth;
  readonly log: Log;
  /** False when it is known that a write cannot succeed now. */
  quorumHeld(): boolean;
  /** Present in raft mode. */
  readonly engine: RaftEngine | undefined;
  readonly raft: RaftStatusPoller | undefined;
  openSingle(): void;
  /** Starts this node's member and follows the log. Returns before there is a quorum: reads must not wait for one. */
  openRaft(initial: { cluster: string; state: 'new' | 'existing' }): Promise<void>;
  /** Turns a single node into a cluster of one voter, live. Idempotent. @throws DomainError raft_engine_unavailable */
  grow(): Promise<void>;
  /** This node's state is damaged or not that of the majority: nothing is served or applied until a peer's is in its place. */
  distrust(): void;
  /** This node was removed, says its own state: nothing is read or written any more. Its member votes until it is out. */
  retire(): void;
  /** As {@link retire}, and its member does not vote any more: the others are a cluster without it. */
  fence(): Promise<void>;
  stop(): Promise<void>;
}

export interface JournalOptions {
  readonly config: Config;
  readonly nodeId: number;
  readonly clusterId: string;
  readonly store: StateStore;
  readonly applier: Applier;
  readonly proposer: Proposer;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly tls: () => { ca: string; cert: string; key: string };
  readonly otherClients: () => readonly string[];
  /** Whether this node may lead, where leadership is not etcd's own. */
  readonly mayLead: () => boolean;
  /** The state has this node among the removed ones. */
  readonly wasRemoved: () => boolean;
  /** The point of no return of growth: after it, a restart comes up on Raft. Must be atomic and durable. */
  readonly commitRaftMode: () => void;
  /** Fetches a newer state from a peer and installs it. @throws Error when there is none */
  readonly resync: () => Promise<void>;
  /** What to do where an epoch begins that this node has not entered yet. */
  readonly restores: {
    /** Applies what the ended epoch still holds beyond this node's state. */
    catchUp(next: StoredGenesis): Promise<boolean>;
    /** Switches to the restored state that the epoch begins with. @throws Error when this node does not have it */
    adopt(next: StoredGenesis): Promise<void>;
  };
  /** The local member has started: from now on its own files say how to start it again. */
  readonly onMemberStarted: () => void;
  /** etcd ended unasked, or did not start; the last lines of its log. */
  readonly onMemberFailed: (lastLines: readonly string[]) => void;
  /** Something after which this process must not go on. */
  readonly onFatal: (error: unknown) => void;
}

const GROW_START_MS = 20_000;
const START_RETRY_MS = 5_000;
const RESYNC_RETRY_MS = 1_000;
const TIP_RETRY_MS = 50;
const UPGRADE_RETRY_MS = 5_000;

export const logPrefixOf = (config: Config): string => `/${config.cluster.token}`;

export function createJournal(options: JournalOptions): Journal {
  const { config, nodeId, clusterId, store, applier, proposer, clock, logger } = options;
  const stopping = new AbortController();
  /** Aborts when the node stops or was removed: from then on nothing is read or written any more. */
  const fenced = new AbortController();
  let log: Log | undefined;
  let engine: RaftEngine | undefined;
  let raft: RaftStatusPoller | undefined;
  let health: JournalHealth = 'starting';
  let growing: Promise<void> | undefined;
  let following: Promise<void> = Promise.resolve();
  let complaint = '';
  let distrusted = false;
  /** Ends the present round of following. */
  let round = new AbortController();

  function attach(next: Log): void {
    log = next;
    proposer.attach(next);
  }

  function openSingle(): void {
    // Left over from a growth that did not reach its point of no return: nothing acknowledged is in there.
    rmSync(raftDirOf(config.data_dir), { recursive: true, force: true });
    store.setDurability('FULL');
    const { epoch, index } = applier.position;
    attach(createLocalLog({ epoch, tip: index, commit: (entry) => applier.apply(entry) }));
    health = 'ok';
  }

  /** With an etcd that others compact, what was acknowledged must not be there alone. */
  const durability = config.raft.endpoints.length > 0 ? 'FULL' : 'NORMAL';

  function createEngine(initial: { cluster: string; state: 'new' | 'existing' }): RaftEngine {
    if (config.raft.endpoints.length > 0) {
      const { tls, mayLead: eligible } = options;
      return createExternalEngine({ config, nodeId, prefix: logPrefixOf(config), tls, eligible, logger });
    }
    // The supervisor makes the directory: by whether it is there it tells a first start, which may be made anew.
    return createRaftEngine({
      config,
      nodeId,
      otherClients: options.otherClients,
      tls: options.tls,
      initialCluster: initial.cluster,
      initialClusterState: initial.state,
      logger,
    });
  }

  function useEngine(next: RaftEngine): void {
    engine = next;
    raft = startRaftStatusPoller(next, clock);
    next.supervisor.onExit((exit) => {
      if (exit.reason === 'removed') beRemoved();
      else options.onMemberFailed(exit.lastLines);
    });
  }

  function beRemoved(): void {
    if (health === 'removed') return;
    health = 'removed';
    fenced.abort();
    logger.error(
      'this node was removed from the cluster; it serves its last state read-only and asks the members no more. To join as a new node: quorated join with --force',
    );
  }

  async function openRaft(initial: { cluster: string; state: 'new' | 'existing' }): Promise<void> {
    store.setDurability(durability);
    const next = createEngine(initial);
    useEngine(next);
    keepStarting(next).catch(options.onFatal);
    following = followEtcd(next).catch(options.onFatal);
  }

  /** What keeps etcd from starting may pass: an address that is not there yet, a full disk. Reads go on meanwhile. */
  async function keepStarting(next: RaftEngine): Promise<void> {
    while (!fenced.signal.aborted) {
      const failure = await next.supervisor.start().then(
        () => undefined,
        (error: unknown) => ({ error }),
      );
      if (!failure) return options.onMemberStarted();
      if (fenced.signal.aborted) return;
      const what = next.external
        ? 'the etcd of raft.endpoints does not answer; trying again'
        : 'etcd did not start, so this node takes no part in the quorum; trying again';
      logger.error({ err: failure.error }, what);
      if (failure.error instanceof EtcdStartError) options.onMemberFailed(failure.error.lastLines);
      await delay(START_RETRY_MS, fenced.signal);
    }
  }

  /** Once for each reason: this is asked several times a second. */
  function complain(error: unknown, message: string): void {
    const reason = `${message} ${error instanceof EtcdError ? error.kind : String(error)}`;
    if (reason !== complaint) logger.warn({ err: error }, message);
    complaint = reason;
  }

  /** Learns the epoch in force, and enters it when a growth, a restart or a restore has begun it. */
  async function currentEpoch(next: RaftEngine): Promise<number | undefined> {
    const prefix = logPrefixOf(config);
    const genesis = await readGenesis(next.client, prefix).catch((error: unknown) => {
      complain(error, 'the epoch in force cannot be read yet; trying again');
      return undefined;
    });
    if (genesis === null) {
      complain(undefined, `etcd holds no log under ${prefix}; a member keeps the cluster.token that it joined with`);
    }
    if (!genesis) return undefined;
    if (genesis.cluster !== undefined && genesis.cluster !== clusterId) {
      complain(undefined, `the log under ${prefix} is of another cluster; set cluster.token to that of this one`);
      return undefined;
    }
    complaint = '';
    if (genesis.epoch > applier.position.epoch) {
      await enterEpoch(genesis).catch((error: unknown) => {
        logger.warn({ err: error, epoch: genesis.epoch }, 'this node cannot enter the new epoch by itself');
      });
    }
    return genesis.epoch;
  }

  /** Only with all that came before it: otherwise the state must come from a peer. */
  async function enterEpoch(genesis: StoredGenesis): Promise<void> {
    if (genesis.base_index > applier.position.index) await options.restores.catchUp(genesis);
    const { index, chain } = applier.position;
    if (genesis.base_index !== index || genesis.chain !== Buffer.from(chain).toString('hex')) return;
    if (genesis.restore === undefined) applier.rebase({ epoch: genesis.epoch, cursor: '' });
    else await options.restores.adopt(genesis);
  }

  async function followEtcd(next: RaftEngine): Promise<void> {
    while (!fenced.signal.aborted) {
      const epoch = await currentEpoch(next);
      if (epoch === undefined) {
        await delay(100, fenced.signal);
        continue;
      }
      if (distrusted || epoch !== applier.position.epoch) {
        await resync();
        continue;
      }
      const etcdLog = createEtcdLog({ client: next.client, prefix: logPrefixOf(config), epoch, log: logger });
      log = etcdLog;
      if (health === 'starting' || health === 'resyncing') health = 'ok';
      round = new AbortController();
      const signal = AbortSignal.any([round.signal, fenced.signal]);
      void admitWrites(etcdLog, signal);
      const end = await applier.follow(etcdLog, signal);
      round.abort();
      await etcdLog.close();
      if (distrusted && !fenced.signal.aborted) continue;
      if (end === 'stopped' || end === 'failed') return;
      logger.warn({ end, position: applier.position.index }, 'following the log ended');
      if (end === 'upgrade_required') {
        health = 'upgrade_required';
        await delay(UPGRADE_RETRY_MS, fenced.signal);
      } else if (end !== 'epoch_changed') {
        await resync();
      }
    }
  }

  /**
   * Only at the tip: the entries that this node has not read yet may hold its own removal, and the members that its
   * writes would go to know it by the CA alone. And only where the tip is not below what was applied: a journal that was set
   * back takes writes that nobody would read.
   */
  async function admitWrites(next: Log, signal: AbortSignal): Promise<void> {
    const atTip = createBarrier({ log: () => next, applier });
    while (!signal.aborted) {
      const applied = applier.position.index;
      const reached = await atTip().then(
        (tip) => tip >= applied,
        () => false,
      );
      if (signal.aborted) return;
      if (options.wasRemoved()) return beRemoved();
      if (reached) return proposer.attach(next);
      await delay(TIP_RETRY_MS, signal);
    }
  }

  async function resync(): Promise<void> {
    health = distrusted ? 'diverged' : 'resyncing';
    try {
      await options.resync();
      distrusted = false;
      health = 'resyncing';
    } catch (error) {
      logger.warn({ err: error }, 'no peer could give a newer state yet; trying again');
      await delay(RESYNC_RETRY_MS, stopping.signal);
    }
  }

  async function requireEngine(): Promise<void> {
    if (config.raft.endpoints.length > 0) return;
    try {
      await etcdVersion(config.raft.binary);
    } catch (error) {
      const cause = error instanceof Error ? error.message : String(error);
      throw new DomainError('raft_engine_unavailable', cause);
    }
  }

  async function growNow(): Promise<void> {
    await requireEngine();
    const { raftPeer } = advertisedAddresses(config);
    rmSync(raftDirOf(config.data_dir), { recursive: true, force: true });
    const next = createEngine({ cluster: `${memberName(nodeId)}=https://${raftPeer}`, state: 'new' });
    try {
      // Writes go on while etcd starts; they are held only for the switch itself.
      await withTimeout(next.supervisor.start(), GROW_START_MS, 'etcd was not ready in time');
      await switchToRaft(next);
    } catch (error) {
      // Past the point of no return the embedded log must take no more writes: a restart goes on from there, on Raft.
      if (engine) {
        options.onFatal(error);
        throw error;
      }
      await next.stop();
      if (log) proposer.attach(log);
      if (error instanceof DomainError) throw error;
      const why = error instanceof Error ? error.message : String(error);
      const what = next.external ? 'the etcd of raft.endpoints cannot be used' : 'etcd could not be started';
      throw new DomainError('raft_engine_unavailable', `${what}, so the node stays single: ${why}`);
    }
  }

  async function switchToRaft(next: RaftEngine): Promise<void> {
    await proposer.pause();
    const { index, chain, epoch } = applier.position;
    const base = { base_index: index, chain: Buffer.from(chain).toString('hex'), cluster: clusterId };
    const genesis = await writeFirstGenesis(next.client, logPrefixOf(config), { epoch: epoch + 1, ...base });
    // Before the commit: should that fail halfway, the process ends and a restart follows what is on disk.
    useEngine(next);
    options.commitRaftMode();
    applier.rebase({ epoch: genesis.epoch, cursor: '' });
    store.setDurability(durability);
    following = followEtcd(next).catch(options.onFatal);
  }

  return {
    get mode() {
      return engine ? 'raft' : 'single';
    },
    get growing() {
      return growing !== undefined;
    },
    get health() {
      return health;
    },
    get log() {
      if (!log) throw new LogUnavailable('the log is not open yet');
      return log;
    },
    get engine() {
      return engine;
    },
    get raft() {
      return raft;
    },
    quorumHeld: () => health !== 'removed' && (raft?.quorumHeld() ?? true),
    openSingle,
    openRaft,
    grow() {
      if (health === 'removed') throw new DomainError('node_removed', 'this node was removed from its cluster');
      if (engine) return Promise.resolve();
      growing ??= growNow().finally(() => {
        growing = undefined;
      });
      return growing;
    },
    distrust() {
      if (health === 'removed' || distrusted) return;
      distrusted = true;
      health = 'diverged';
      round.abort();
    },
    retire: beRemoved,
    async fence() {
      beRemoved();
      await engine?.supervisor.stop();
    },
    async stop() {
      stopping.abort();
      fenced.abort();
      await growing?.catch(() => {});
      await following;
      raft?.stop();
      await log?.close();
      await engine?.stop();
    },
  };
}
