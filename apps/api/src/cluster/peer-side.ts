import { Hono } from 'hono';
import { FEATURE_LEVEL } from '../commands/define-command';
import { DomainError } from '../commands/domain-error';
import type { Config } from '../config/derive';
import type { StateDb, StateStore } from '../db/state-store';
import { assert } from '../lib/assert';
import type { Clock } from '../lib/clock';
import type { Logger } from '../lib/logger';
import { parseHostPort } from '../lib/net';
import type { Applier } from '../replication/applier';
import type { BalancerSide } from './balancers';
import type { Care } from './care';
import type { Journal } from './journal';
import { LEARNER_PATH, type LearnerTicket } from './learners';
import { type ClusterEnv, type ClusterListener, createClusterListener } from './listener';
import type { NodeStatus } from './liveness';
import { isLiveMember } from './members/admission';
import type { Identity } from './pki/identity';
import { inspectCertificate } from './pki/inspect';
import type { RunnerSide } from './runners/side';
import { createSnapshotServer, SNAPSHOT_PATH } from './snapshot-exchange';

export const STATUS_PATH = '/v1/cluster/status';

export interface PeerSideDeps {
  readonly runners: RunnerSide;
  readonly balancers: Pick<BalancerSide, 'heard'>;
  /** What this node's connector says of itself. */
  readonly connectorReport: () => unknown;
  readonly config: Config;
  readonly nodeId: number;
  readonly version: string;
  readonly identity: () => Identity;
  readonly store: StateStore;
  readonly applier: Applier;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly registerLearner: (nodeId: number) => Promise<LearnerTicket>;
  /** Takes a member that has lost its journal out of Raft. */
  readonly removeLostMember: (nodeId: number) => Promise<void>;
  /** Serves `POST /v1/cluster/join`, the only path without a client certificate. */
  readonly admissionApp: Hono<ClusterEnv>;
  /** Adds the paths of restores and backups. */
  readonly servePeers: (app: Hono<ClusterEnv>) => void;
  readonly care: Pick<Care, 'alarms' | 'checkpoints'>;
}

/** This node as its peers ask about it. */
export function ownStatus(
  deps: Pick<
    PeerSideDeps,
    | ('nodeId' | 'version' | 'identity' | 'applier' | 'journal' | 'clock' | 'care')
    | ('runners' | 'balancers' | 'connectorReport')
  >,
): NodeStatus {
  const { applier, journal } = deps;
  const raft = journal.raft?.current;
  return {
    node_id: deps.nodeId,
    version: deps.version,
    feature_level: FEATURE_LEVEL,
    epoch: applier.position.epoch,
    applied_index: applier.position.index,
    health: journal.health,
    etcd_version: raft?.etcdVersion ?? null,
    etcd_answers: raft?.answered ?? false,
    leader_id: raft?.leaderId ?? null,
    term: raft?.term ?? 0,
    certificate_expires_at: inspectCertificate(deps.identity().certPem).notAfter,
    now: deps.clock(),
    alarms: deps.care.alarms.own(),
    ...deps.runners.status(),
    balancers: deps.balancers.heard(),
    connector: deps.connectorReport(),
    digests: [...deps.care.checkpoints.digests],
  };
}

/** Opens the node-to-node listener: joining, learners, snapshots and status. @throws Error (EADDRINUSE and the like) */
export function openPeerListener(deps: PeerSideDeps): Promise<ClusterListener> {
  const app = new Hono<ClusterEnv>();
  const sendSnapshot = createSnapshotServer({ dataDir: deps.config.data_dir, store: deps.store });
  app.get(STATUS_PATH, (c) => c.json(ownStatus(deps)));
  app.get(SNAPSHOT_PATH, () => sendSnapshot());
  app.post(LEARNER_PATH, async (c) => {
    const peer = c.get('peer');
    if (!peer) throw new DomainError('certificate_required', 'a node certificate is required');
    if (c.req.query('lost') !== undefined) await deps.removeLostMember(peer.nodeId);
    return c.json(await deps.registerLearner(peer.nodeId));
  });
  deps.servePeers(app);
  app.route('/', deps.admissionApp);
  const address = parseHostPort(deps.config.cluster.address);
  assert(address, 'cluster.address is host:port');
  const { identity } = deps;
  return createClusterListener({
    ...address,
    tls: () => ({ ca: identity().caPem, cert: identity().certPem, key: identity().keyPem }),
    app,
    isPinned: (nodeId, pin) => isLiveMember(deps.store.db as StateDb, nodeId, pin),
    logger: deps.logger,
    clock: deps.clock,
    epoch: () => deps.applier.position.epoch,
    onUpgrade: deps.runners.upgrade,
  });
}
