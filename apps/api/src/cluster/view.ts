import type { Cluster, Member as MemberView } from '@quorate/shared/cluster';
import type { StateDb } from '../db/state-store';
import { expectPresent } from '../lib/assert';
import { type Clock, toTimestamp } from '../lib/clock';
import type { Applier } from '../replication/applier';
import { clusterInfo } from '../resources/setup/table';
import { backupFigures } from './backups/figures';
import { currentSettings } from './backups/queries';
import type { Journal } from './journal';
import type { Liveness, PeerObservation } from './liveness';
import { liveMembers } from './members/admission';
import type { Member } from './members/table';
import { inspectCertificate } from './pki/inspect';
import { fingerprintOf } from './pki/keys';
import { describeQuorum } from './quorum';
import { planUpgrade, versionsOf } from './upgrade-plan';

export interface ViewDeps {
  readonly nodeId: number;
  readonly db: () => StateDb;
  readonly applier: Applier;
  readonly journal: Journal;
  readonly liveness: Liveness;
  readonly clock: Clock;
  readonly version: string;
  readonly startedAt: number;
}

/** Entries behind which a member is still called healthy: a second of ordinary writing. */
const LAG_LIMIT = 1_000;

export interface ClusterView {
  cluster(): Cluster;
  members(): MemberView[];
  /** Highest index that any member is known to have applied. */
  tipIndex(): number;
  leaderId(): number | null;
}

export function createClusterView(deps: ViewDeps): ClusterView {
  const { nodeId, applier, journal, liveness } = deps;

  function tipIndex(): number {
    const others = liveMembers(deps.db()).map((m) => liveness.observe(m.id)?.status?.applied_index ?? 0);
    return Math.max(applier.position.index, ...others);
  }

  const leaderId = (): number | null => {
    if (journal.health === 'removed') return null;
    if (journal.mode === 'single') return nodeId;
    return journal.raft?.current.leaderId ?? null;
  };

  function viewMember(member: Member, tip: number, leader: number | null): MemberView {
    const self = member.id === nodeId;
    const seen = self ? undefined : liveness.observe(member.id);
    const applied = self ? applier.position.index : (seen?.status?.applied_index ?? null);
    const lag = applied === null ? null : Math.max(0, tip - applied);
    const { health, detail } = self ? ownHealth(journal) : peerHealth(seen, lag, journal);
    return {
      id: member.id,
      name: member.name,
      self,
      leader: member.id === leader,
      drained: member.drainedAt !== null,
      suffrage: member.state === 'removed' ? 'joining' : member.state,
      health,
      health_detail: detail,
      cluster_address: member.clusterAddress,
      raft_peer_address: member.raftPeerAddress,
      raft_client_address: member.raftClientAddress,
      api_url: member.apiUrl,
      applied_index: applied,
      lag,
      version: self ? deps.version : (seen?.status?.version ?? member.version),
      etcd_version: self ? (journal.raft?.current.etcdVersion ?? null) : (seen?.status?.etcd_version ?? null),
      round_trip_ms: self ? 0 : (seen?.roundTripMs ?? null),
      clock_offset_ms: self ? 0 : (seen?.clockOffsetMs ?? null),
      last_seen_at: self ? toTimestamp(deps.clock()) : seen?.lastSeenAt ? toTimestamp(seen.lastSeenAt) : null,
      joined_at: toTimestamp(member.joinedAt),
      certificate_expires_at: member.certificateExpiresAt === null ? null : toTimestamp(member.certificateExpiresAt),
    };
  }

  function members(): MemberView[] {
    const tip = tipIndex();
    const leader = leaderId();
    return liveMembers(deps.db()).map((member) => viewMember(member, tip, leader));
  }

  return {
    members,
    tipIndex,
    leaderId,
    cluster() {
      const info = expectPresent(deps.db().select().from(clusterInfo).get(), 'the cluster record');
      const views = members();
      const { position } = applier;
      return {
        id: info.clusterId,
        name: info.name,
        mode: journal.mode,
        external_etcd: journal.engine?.external ?? false,
        growing: journal.growing,
        node_id: nodeId,
        leader_id: leaderId(),
        term: journal.raft?.current.term ?? 0,
        epoch: position.epoch,
        applied_index: position.index,
        tip_index: tipIndex(),
        quorum: quorumOf(views, journal),
        version: deps.version,
        oldest_version: versionsOf(views)[0] ?? deps.version,
        upgrade: planUpgrade(views),
        ca_fingerprint: fingerprintOf(info.caCert),
        ca_expires_at: toTimestamp(inspectCertificate(info.caCert).notAfter),
        started_at: toTimestamp(deps.startedAt),
        backups: backupsOf(deps.db()),
        members: views,
      };
    },
  };
}

function backupsOf(db: StateDb): Cluster['backups'] {
  const { lastAt, failures } = backupFigures(db);
  return {
    last_at: lastAt === null ? null : toTimestamp(lastAt),
    failed_since: failures,
    scheduled: currentSettings(db).enabled,
  };
}

export function quorumOf(views: readonly MemberView[], journal: Journal) {
  const voters = views.filter((m) => m.suffrage === 'voter');
  const isUp = (m: MemberView): boolean => m.health === 'healthy' || m.health === 'lagging';
  const described = describeQuorum({
    mode: journal.mode,
    external: journal.engine?.external ?? false,
    voters: voters.length,
    healthy: voters.filter(isUp).length,
    learners: views.filter((m) => m.suffrage !== 'voter').length,
    hasLeader: journal.mode === 'single' || journal.raft?.current.hasLeader === true,
    downNames: voters.filter((m) => !isUp(m)).map((m) => m.name),
  });
  // It asks nobody any more: how the cluster is without it, it cannot tell.
  return journal.health === 'removed' ? { ...described, held: false, ...REMOVED } : described;
}

const REMOVED = {
  sentence: 'This node was removed from the cluster: it serves its last state read-only, and asks the members no more.',
  advice:
    'To let it join afresh, under a new id: mint a join token, and run here quorated join with --force, which moves its old state aside.',
};

type Health = { health: MemberView['health']; detail: string };

function ownHealth(journal: Journal): Health {
  switch (journal.health) {
    case 'ok':
      if (journal.mode === 'single' || journal.raft?.current.answered) return { health: 'healthy', detail: '' };
      return {
        health: 'unhealthy',
        detail: 'its etcd member does not answer; it is restarted, see the log of this node',
      };
    case 'starting':
      return { health: 'unhealthy', detail: 'starting: waiting for a quorum of voters' };
    case 'diverged':
      return { health: 'unhealthy', detail: 'its state is not to be trusted; it takes that of a healthy member' };
    case 'resyncing':
      return { health: 'unhealthy', detail: 'fetching a newer state from a peer' };
    case 'upgrade_required':
      return { health: 'unhealthy', detail: 'the log holds commands of a newer version: upgrade this node' };
    case 'removed':
      return {
        health: 'unhealthy',
        detail: 'removed from the cluster: quorated join with --force lets it join as a new node',
      };
  }
}

function peerHealth(seen: PeerObservation | undefined, lag: number | null, { mode, health }: Journal): Health {
  if (health === 'removed') return { health: 'unknown', detail: 'not asked: the node that answers was removed' };
  if (mode === 'single' || !seen) return { health: 'unknown', detail: 'not asked yet' };
  if (!seen.reachable) {
    return { health: 'unreachable', detail: `no answer on its cluster address: ${seen.error || 'timed out'}` };
  }
  const { status } = seen;
  if (!status) return { health: 'unknown', detail: 'no answer yet' };
  if (status.health !== 'ok')
    return { health: 'unhealthy', detail: `says it is ${status.health.replaceAll('_', ' ')}` };
  if (!status.etcd_answers) return { health: 'unhealthy', detail: 'its etcd member does not answer' };
  if (lag !== null && lag > LAG_LIMIT) return { health: 'lagging', detail: `${lag} entries behind and catching up` };
  return { health: 'healthy', detail: '' };
}
