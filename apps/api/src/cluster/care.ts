import type { Config } from '../config/derive';
import type { StateStore } from '../db/state-store';
import type { LocalEvents } from '../events/local-events';
import { delay } from '../lib/async';
import type { Clock } from '../lib/clock';
import type { Logger } from '../lib/logger';
import { type ReconcilerHandle, startReconciler } from '../reconcile/driver';
import type { Applier } from '../replication/applier';
import type { Proposer } from '../replication/proposer';
import { backupSource } from './alarms/backup-source';
import { type AlarmClearer, type AlarmClearerDeps, createAlarmClearer } from './alarms/clear';
import { type Alarms, createAlarms } from './alarms/registry';
import {
  certificateSource,
  clockSource,
  diskSource,
  divergenceSource,
  etcdSource,
  membersSource,
  stateSource,
} from './alarms/sources';
import { createCompactor } from './compaction';
import { createDefragmenter } from './defragmentation';
import { type Checkpoints, createCheckpoints } from './digests/checkpoints';
import type { Journal } from './journal';
import type { NodeStatus } from './liveness';
import type { Membership } from './membership';
import type { Identity } from './pki/identity';
import { createSnapshotKeeper, type SnapshotKeeper } from './snapshots/keeper';
import type { ClusterView } from './view';

/** What keeps the journal short, the state sound and the operator informed. */
export interface Care {
  readonly alarms: Alarms;
  readonly clearer: AlarmClearer;
  readonly snapshots: SnapshotKeeper;
  readonly checkpoints: Checkpoints;
  start(): void;
  stop(): Promise<void>;
}

export interface CareDeps {
  readonly nodeId: number;
  readonly config: Config;
  readonly store: StateStore;
  readonly applier: Applier;
  readonly proposer: Proposer;
  readonly journal: Journal;
  readonly view: ClusterView;
  readonly membership: Membership;
  readonly identity: () => Identity;
  /** What a peer that answers says of itself. */
  readonly statusOf: (nodeId: number) => NodeStatus | undefined;
  readonly peerClearings: AlarmClearerDeps['peerClearings'];
  readonly localEvents: LocalEvents;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Part of the quota from which on the journal is trimmed to what is needed, whatever raft.retain_entries says. */
const FULL_FRACTION = 0.5;
const COMPARE_MS = 30_000;
const COMPARE_POLL_MS = 200;

/** Wires the parts; nothing runs before `start`. */
export function createCare(deps: CareDeps): Care {
  const { nodeId, config, store, applier, proposer, journal, view, clock, logger, localEvents } = deps;
  const { quota_bytes: quota, retain_entries: retain } = config.raft;
  const common = { nodeId, journal, view, clock, logger, localEvents, store, applier, proposer };
  const isLeader = (): boolean => view.leaderId() === nodeId;
  const isJournalFull = (): boolean => (journal.raft?.current.dbInUseBytes ?? 0) > quota * FULL_FRACTION;
  const peers = (): NodeStatus[] => view.members().flatMap(({ id, self }) => (self ? [] : (deps.statusOf(id) ?? [])));
  const distrust = (why: string): void => {
    if (journal.health !== 'ok') return;
    logger.error(
      { why },
      'the state of this node is not to be trusted any more; it leaves service until it is replaced',
    );
    journal.distrust();
    // It may be replaced before the next look.
    for (const handle of running) handle.trigger();
  };

  const running: ReconcilerHandle[] = [];
  const snapshots = createSnapshotKeeper({
    ...common,
    dataDir: config.data_dir,
    settings: config.snapshots,
    isSound: () => journal.health === 'ok',
    isJournalFull,
    onDamaged: distrust,
  });
  const checkpoints = createCheckpoints({
    ...common,
    members: view,
    peers: () => peers().map(({ node_id, digests }) => ({ nodeId: node_id, digests })),
    onDiverged: distrust,
    onDamaged: distrust,
  });
  const compactor = createCompactor({ ...common, retain, coveredIndex: snapshots.coveredIndex, isJournalFull });
  const handOver = () => deps.membership.transferLeadership(null, { reason: 'transfer', requestedBy: 'system' });
  const defragmenter = createDefragmenter({ ...common, handOver });
  const alarms = createAlarms({ ...common, isLeader, peerAlarms: () => peers().flatMap((peer) => peer.alarms) });
  for (const source of [
    diskSource(config.data_dir),
    certificateSource(deps.identity, clock),
    etcdSource(journal, quota),
    membersSource(journal, view),
    clockSource(view),
    stateSource(journal, snapshots),
    divergenceSource(checkpoints),
    backupSource(() => store.db, clock),
  ])
    alarms.watch(source);

  /** Compares now, and waits until every member that answers has told its digest. */
  async function compare(): Promise<{ equal: boolean; detail: string }> {
    const index = await checkpoints.take();
    const deadline = performance.now() + COMPARE_MS;
    for (;;) {
      const found = checkpoints.view();
      const silent = new Set(view.members().flatMap(({ id, health }) => (health === 'unreachable' ? [id] : [])));
      const told = found?.index === index ? found.replicas.filter(({ id }) => !silent.has(id)) : undefined;
      const missing = told?.filter(({ digest }) => digest === null);
      const differing = found?.replicas.filter(({ agrees }) => agrees === false) ?? [];
      const names = (some: typeof differing): string => some.map(({ name }) => name).join(', ');
      if (missing?.length === 0) {
        if (differing.length === 0) {
          return { equal: true, detail: `all members that answer have the same state at index ${index}` };
        }
        const cure = 'remove it and let it join afresh, or wait until it has taken the state of the others';
        return { equal: false, detail: `${names(differing)} differs at index ${index}: ${cure}` };
      }
      if (performance.now() > deadline)
        return { equal: false, detail: `no answer from ${names(missing ?? []) || 'any'}` };
      await delay(COMPARE_POLL_MS);
    }
  }
  const write = () => checkpoints.take();
  const { peerClearings } = deps;
  const clearer = createAlarmClearer({ ...common, keeper: snapshots, compactor, compare, write, peerClearings });

  return {
    alarms,
    clearer,
    snapshots,
    checkpoints,
    start() {
      const ownEtcd = config.raft.endpoints.length === 0;
      const all = [alarms, snapshots, checkpoints, ...(ownEtcd ? [compactor, defragmenter] : [])];
      for (const reconciler of all) running.push(startReconciler(reconciler, logger));
    },
    async stop() {
      checkpoints.stop();
      await Promise.all([clearer.stop(), ...running.map((handle) => handle.stop())]);
    },
  };
}
