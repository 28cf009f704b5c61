import { DomainError } from '../commands/domain-error';
import type { Config } from '../config/derive';
import type { StateDb, StateStore } from '../db/state-store';
import type { LocalEvents } from '../events/local-events';
import type { Clock } from '../lib/clock';
import type { Logger } from '../lib/logger';
import { type ReconcilerHandle, startReconciler } from '../reconcile/driver';
import type { Applier } from '../replication/applier';
import { type Barrier, createBarrier } from '../replication/barrier';
import type { Proposer } from '../replication/proposer';
import { findOutcome } from '../resources/outcomes/routes';
import { advertisedAddresses } from './addresses';
import { createAdmissionApp } from './admission-app';
import { askForClearings, serveClearing } from './alarms/follow';
import { type Backups, createBackups } from './backups/backups';
import { type BalancerSide, createBalancerSide } from './balancers';
import { type Boot, rememberMembers, updateNodeFile } from './boot';
import { type Care, createCare } from './care';
import { type ClockGuard, createClockGuard } from './clock-guard';
import { onMemberFailed } from './damage/journal';
import { createLostMemberRemoval } from './damage/lost-member';
import { createGrowthRecord } from './growth-record';
import { createJournal, type Journal, logPrefixOf } from './journal';
import { createKeyring, type Keyring } from './keyring';
import { type ClusterKeys, createClusterKeys } from './keys/keys';
import { createOwnIdentity } from './keys/own-identity';
import { type Announce, createAnnouncer } from './leadership/announce';
import { type LeadershipWatch, startLeadershipWatch } from './leadership/watch';
import { createLearnerRegistrar } from './learners';
import type { ClusterListener } from './listener';
import { type NodeStatus, type PeerObservation, startLiveness } from './liveness';
import { createMembership, type Membership } from './membership';
import { openMember, openSingle } from './opening';
import { createOperatorCare } from './operator-care';
import { createWaiting, type Waiting } from './pairing/waiting';
import { createPeerClient, type PeerClient, type PeerTarget } from './peer-client';
import { openPeerListener } from './peer-side';
import type { Identity } from './pki/identity';
import { createMembershipReconciler } from './promotion';
import { createReaper } from './reaper';
import { createFence } from './recovery/fence';
import { createRegrowth } from './recovery/regrowth';
import { createRestorer, type Restorer } from './restore/restorer';
import { createResync } from './resync';
import { createRoster } from './roster';
import { createOutputExchange, type OutputExchange } from './runners/output-exchange';
import { createRunnerSide, type RunnerSide } from './runners/side';
import { createSelfCare } from './self-care';
import { fetchAndInstall, removeUnfinishedSnapshots } from './snapshot-exchange';
import { type ClusterView, createClusterView } from './view';

export interface ClusterRuntimeOptions {
  readonly config: Config;
  readonly boot: Boot;
  readonly store: StateStore;
  readonly applier: Applier;
  readonly proposer: Proposer;
  readonly schemaVersion: number;
  readonly migrationsDir: string;
  readonly version: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Takes what only this node sees. */
  readonly localEvents: LocalEvents;
  /** Something happened after which this process must not go on. */
  readonly onFatal: (error: unknown) => void;
}

/** This node as part of a cluster of one or more: its log, its peers, its keys. */
export interface ClusterRuntime {
  readonly nodeId: number;
  readonly name: string;
  readonly journal: Journal;
  readonly keyring: Keyring;
  readonly keys: ClusterKeys;
  readonly barrier: Barrier;
  readonly clockGuard: ClockGuard;
  readonly view: ClusterView;
  readonly membership: Membership;
  readonly localEvents: LocalEvents;
  readonly restorer: Restorer;
  readonly backups: Backups;
  readonly care: Care;
  /** The runners that are connected to this node. */
  readonly runners: RunnerSide;
  readonly outputs: OutputExchange;
  readonly balancers: BalancerSide;
  /** Another core node as it last answered; undefined = never asked. */
  observe(nodeId: number): PeerObservation | undefined;
  /** Gives the others, with this node's status, what its connector says of itself. */
  reportConnector(report: () => unknown): void;
  /** This node as one that a cluster can add. */
  readonly waiting: Waiting;
  /** Writes down why leadership is about to move. */
  readonly announce: Announce;
  /** Changes of leadership that this node has seen since it started. */
  leaderChanges(): number;
  identity(): Identity;
  /** Called when the certificate was renewed. */
  onIdentity(listen: (identity: Identity) => void): void;
  /** When this node last heard of a core node, ms; null = never. */
  seenAt(nodeId: number): number | null;
  /** How far a learner has caught up, as far as this node knows. */
  joinProgress(nodeId: number): { percent: number } | undefined;
  /** Opens the log and everything around it. Reads work when it resolves; writes as soon as there is a quorum. */
  open(): Promise<void>;
  /** Grows a single node into a cluster of one voter. Idempotent. */
  ensureCluster(): Promise<void>;
  stop(): Promise<void>;
}

const PEER_TIMEOUT_MS = 1_000;
/** A peer copies its whole state before a snapshot begins to arrive. What should be quicker has a signal of its own. */
const PEER_ANSWER_MS = 120_000;

export function createClusterRuntime(options: ClusterRuntimeOptions): ClusterRuntime {
  const { config, boot, store, applier, proposer, clock, logger, localEvents } = options;
  const nodeId = boot.nodeFile.node_id;
  const stopping = new AbortController();
  let listener: ClusterListener | undefined;
  const reconcilers: ReconcilerHandle[] = [];
  let growing: Promise<void> | undefined;
  let leadership: LeadershipWatch | undefined;

  const db = (): StateDb => store.db;
  const own = createOwnIdentity({ dataDir: config.data_dir, initial: boot.identity, db });
  const { identity, tls } = own;
  own.onTls(() => {
    listener?.reloadTls();
    journal.engine?.client.setTls(tls());
  });
  const peerClient: PeerClient = createPeerClient({ tls, timeoutMs: PEER_TIMEOUT_MS, answerMs: PEER_ANSWER_MS });
  const keyring = createKeyring({ db, nodeId, held: identity, adopt: own.adoptClusterKey });

  const roster = createRoster({ nodeFile: boot.nodeFile, db, applier });
  const { targets } = roster;

  let stage = boot.nodeFile.stage;
  function setStage(next: typeof stage): void {
    stage = next;
    updateNodeFile(config.data_dir, { stage });
  }

  /** A removed node's pin is gone from the state; what it still holds open goes too. */
  function fence(removed: number): void {
    if (removed === nodeId) journal.retire();
    listener?.closeConnectionsOf(removed);
    void peerClient.forget(removed);
  }

  const { schemaVersion: knownSchema } = options;
  const { data_dir: dataDir } = config;
  const { signal } = stopping;
  const installing = { client: peerClient, dataDir, store, applier, knownSchema, logger, signal, localEvents };
  const installFrom = (peer: PeerTarget, replacing: boolean): Promise<boolean> =>
    fetchAndInstall({ ...installing, peer, replacing });
  const statusOf = (id: number): NodeStatus | undefined => {
    const seen = liveness.observe(id);
    return seen?.reachable ? seen.status : undefined;
  };
  const resync = createResync({
    peers: targets,
    statusOf: (id) => liveness.observe(id)?.status,
    installFrom,
    isDistrusted: () => journal.health === 'diverged',
    healthy: () => care.checkpoints.healthy,
    applier,
    onInstalled: async () => {
      care.checkpoints.reset();
      proposer.settleFrom((id) => findOutcome(db(), id));
      await keyring.refresh();
    },
  });
  const restorer = createRestorer({
    ...options,
    nodeId,
    dataDir,
    prefix: logPrefixOf(config),
    journal: () => journal,
    barrier: () => barrier(),
    client: peerClient,
    statusOf,
    refreshKeys: () => keyring.refresh(),
    signal,
  });

  const { nodeFile } = boot;
  const growthRecord = createGrowthRecord({ nodeFile, dataDir, journal: () => journal, applier, proposer });
  const journal = createJournal({
    ...options,
    nodeId,
    tls,
    otherClients: roster.raftClients,
    clusterId: boot.nodeFile.cluster_id,
    mayLead: () => journal.health === 'ok' && journal.mode === 'raft' && roster.isInService(),
    wasRemoved: roster.wasRemoved,
    commitRaftMode: () => growthRecord.commit(),
    resync,
    restores: restorer,
    onMemberFailed: (lines) => onMemberFailed({ lines, dataDir, peers: targets(), logger, onFatal: options.onFatal }),
    onMemberStarted() {
      if (boot.nodeFile.stage === 'admitted') setStage('learner');
    },
  });
  const onRemoved = (): void => void journal.fence();
  const membershipFence = createFence({ client: peerClient, applier, logger, timeoutMs: PEER_TIMEOUT_MS, onRemoved });
  const barrier = createBarrier({ log: () => journal.log, applier });
  const liveness = startLiveness({
    peers: () => (journal.mode === 'raft' && journal.health !== 'removed' ? targets() : []),
    ask: membershipFence.askStatus,
    clock,
  });
  const clockGuard = createClockGuard(clock);
  liveness.onRound((ids) => clockGuard.measured(ids.flatMap((id) => liveness.observe(id)?.monotonicOffsetMs ?? [])));
  applier.onApplied(({ events }) => {
    for (const { type, data } of events) {
      if (type === 'member.removed' && typeof data['node'] === 'number') fence(data['node']);
      if (type === 'members.changed') rememberMembers(dataDir, db());
    }
  });
  const startedAt = clock();
  const { version } = options;
  const view = createClusterView({ nodeId, db, applier, journal, liveness, clock, version, startedAt });
  const announce = createAnnouncer(proposer, logger);
  const backups = createBackups({
    ...{ nodeId, dataDir, version, store, proposer, keyring, clock, logger, signal },
    migrationsDir: options.migrationsDir,
    directory: config.backups.dir,
    isRestoring: () => restorer.busy,
    client: peerClient,
    leads: () => view.leaderId() === nodeId && journal.quorumHeld(),
    lastSeenAt: (id) => liveness.observe(id)?.lastSeenAt ?? undefined,
  });
  const membership = createMembership({ nodeId, journal, view, announce });
  const registerLearner = createLearnerRegistrar({ journal, db, proposer, barrier });
  const peerClearings = () => askForClearings(peerClient, targets());
  const care = createCare({ ...options, nodeId, journal, view, membership, identity, statusOf, peerClearings });

  const addresses = advertisedAddresses(config);
  const selfCare = createSelfCare({
    ...{ nodeId, version, addresses, journal, db, proposer, clock, logger, identity },
    ...{ stage: () => stage, setStage },
  });

  const { hosts } = addresses;
  const showsCaToEtcd = config.raft.endpoints.some((url) => url.startsWith('https:')) && config.raft.tls.ca === '';
  const keyDeps = { nodeId, hosts, showsCaToEtcd, own, keyring, journal, view, membership };
  const keys = createClusterKeys({ ...keyDeps, db, applier, proposer, clock, logger });

  let connectorReport: () => unknown = () => null;
  const runners = createRunnerSide({
    ...{ nodeId, db, identity, keyring, clock, logger, propose: proposer.propose },
    liveness: () => liveness,
  });
  const outputs = createOutputExchange({ client: peerClient, peers: targets });
  const balancers = createBalancerSide({ db, liveness: () => liveness });

  async function openListener(): Promise<void> {
    listener ??= await openPeerListener({
      ...{ config, nodeId, version, identity, store, applier, journal, clock, logger },
      registerLearner,
      removeLostMember: createLostMemberRemoval({ journal, db, view, proposer }),
      ...{ care, runners, balancers },
      connectorReport: () => connectorReport(),
      servePeers: (app) => {
        restorer.serve(app);
        backups.serve(app);
        outputs.serve(app);
        serveClearing(app, care.clearer.current);
      },
      admissionApp: createAdmissionApp({
        ...{ config, nodeId, db, proposer, barrier, keyring, version, clock, logger },
        isCluster: () => journal.mode === 'raft',
      }),
    });
  }

  function startReconcilers(): void {
    const deps = { nodeId, journal, view, db, barrier, proposer, clock, logger };
    reconcilers.push(startReconciler(createMembershipReconciler(deps), logger));
    const yielding = { name: 'drain', intervalMs: 500, run: () => membership.yieldWhenDrained() };
    reconcilers.push(startReconciler(yielding, logger));
    const afterMs = config.cluster.reap_joins_after;
    const lastSeenAt = (id: number): number | null => liveness.observe(id)?.lastSeenAt ?? null;
    const reaper = createReaper({ ...deps, afterMs, liveness: { lastSeenAt } });
    reconcilers.push(startReconciler(reaper, logger));
    leadership = startLeadershipWatch({ ...deps, applier, liveness, localEvents });
    reconcilers.push(leadership);
  }

  const waiting = createWaiting({ config, version, db, journal, proposer, clock, logger });

  /** The listener first: a port that is taken is found out while the node is still single. */
  async function grow(): Promise<void> {
    await waiting.suspend();
    await openListener().catch((error: unknown) => {
      waiting.resume();
      const why = error instanceof Error ? error.message : String(error);
      const cure = 'free that address or set cluster.address, then mint the token again';
      throw new DomainError('raft_engine_unavailable', `the cluster listener cannot be opened: ${why}; ${cure}`);
    });
    try {
      await journal.grow();
    } catch (error) {
      await listener?.close();
      listener = undefined;
      waiting.resume();
      throw error;
    }
    if (stopping.signal.aborted) return;
    startReconcilers();
    await growthRecord.run();
  }

  function ensureCluster(): Promise<void> {
    if (journal.mode === 'raft' && !growing) return Promise.resolve();
    if (restorer.busy)
      throw new DomainError('restore_in_progress', 'a restore is running; try again when it is over', [], 5);
    growing ??= grow().finally(() => {
      growing = undefined;
    });
    return growing;
  }

  function joinProgress(id: number): { percent: number } | undefined {
    const applied = liveness.observe(id)?.status?.applied_index;
    const tip = view.tipIndex();
    return applied === undefined || tip === 0 ? undefined : { percent: Math.floor((applied / tip) * 100) };
  }

  return {
    nodeId,
    name: boot.nodeFile.name,
    ...{ journal, keyring, keys, barrier, clockGuard, view, membership, localEvents, restorer, backups, care },
    ...{ runners, outputs, balancers, waiting, announce },
    leaderChanges: () => leadership?.leaderChanges ?? 0,
    identity,
    joinProgress,
    seenAt: (id) => (id === nodeId ? clock() : (liveness.observe(id)?.lastSeenAt ?? null)),
    onIdentity: own.onTls,
    async open() {
      removeUnfinishedSnapshots(config.data_dir);
      keys.alignTrust();
      if (boot.nodeFile.mode === 'single') {
        await openSingle({ boot, dataDir, addresses, version, db, journal, proposer, logger });
      } else {
        await openMember({
          ...{ client: peerClient, members: targets(), installFrom, journal, applier, logger, signal, dataDir, clock },
          ...{ stage: boot.nodeFile.stage, external: config.raft.endpoints.length > 0 },
          isOut: () => membershipFence.askPeers(targets()),
        });
        await openListener();
        startReconcilers();
      }
      await keyring.refresh();
      care.start();
      if (journal.mode === 'single') await selfCare.run();
      reconcilers.push(startReconciler({ name: 'self', intervalMs: 500, run: selfCare.run }, logger), ...keys.start());
      reconcilers.push(startReconciler({ name: 'restore', intervalMs: 1_000, run: restorer.run }, logger));
      reconcilers.push(...backups.start());
      const regrowth = createRegrowth({ ...boot, dataDir, journal, grow: ensureCluster });
      reconcilers.push(startReconciler(regrowth, logger), startReconciler(growthRecord, logger));
      if (journal.mode === 'single') reconcilers.push(startReconciler(waiting, logger));
      const operatorCare = createOperatorCare({ config, nodeId, own, journal, db, proposer, clock, logger });
      reconcilers.push(startReconciler(operatorCare, logger));
      if (config.cluster.mode === 'bootstrap' || config.raft.endpoints.length > 0) await ensureCluster();
    },
    observe: (id) => liveness.observe(id),
    reportConnector(report) {
      connectorReport = report;
    },
    ensureCluster,
    async stop() {
      stopping.abort();
      liveness.stop();
      await Promise.all([care.stop(), ...reconcilers.map((reconciler) => reconciler.stop())]);
      await waiting.close();
      await listener?.close();
      await Promise.all([restorer.stop(), backups.stop()]);
      await journal.stop();
      await peerClient.close();
    },
  };
}
