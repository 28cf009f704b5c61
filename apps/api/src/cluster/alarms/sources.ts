import { statfs } from 'node:fs/promises';
import type { Clock } from '../../lib/clock';
import type { Checkpoints } from '../digests/checkpoints';
import type { Journal } from '../journal';
import { inspectCertificate } from '../pki/inspect';
import type { SnapshotKeeper } from '../snapshots/keeper';
import { type ClusterView, quorumOf } from '../view';
import { parseEtcdAlarms } from './etcd-alarms';
import type { AlarmSource, Condition } from './registry';

const MB = 1e6;
const DAY_MS = 24 * 60 * 60_000;
/** A follower that is started anew is back within this. */
const DOWN_MS = 10_000;
const CLOCK_LIMIT_MS = 1_000;
const CLOCK_HOLD_MS = 10_000;
/** Renewal begins with two fifths of the life left; below a quarter it has failed for long. */
const CERTIFICATE_FRACTION = 1 / 4;
const CERTIFICATE_CRITICAL_MS = 3 * DAY_MS;
const CA_WARNING_MS = 90 * DAY_MS;
/** A snapshot of a large state takes its time. */
const UNFIT_MS = 10_000;
const SPACE_LOW_FRACTION = 0.8;
const DISK_WARNING = { fraction: 0.1, bytes: 5_000 * MB };
const DISK_CRITICAL = { fraction: 0.02, bytes: 500 * MB };

/** What free space on a disk amounts to. Pure; bytes. */
export function diskCondition(path: string, free: number, total: number): Condition | undefined {
  const isBelow = (limit: typeof DISK_WARNING): boolean => free < Math.min(limit.bytes, total * limit.fraction);
  if (!isBelow(DISK_WARNING)) return undefined;
  const critical = isBelow(DISK_CRITICAL);
  const consequence = critical
    ? 'nothing is written here any more when none is left'
    : 'snapshots and backups may fail';
  return {
    code: 'disk_low',
    severity: critical ? 'critical' : 'warning',
    scope: 'own',
    message: `${Math.round(free / MB)} MB of ${Math.round(total / MB)} MB are free on the disk of ${path}; ${consequence}`,
    cure: 'free space there, enlarge the disk, or keep fewer backups and snapshots (snapshots.keep)',
    holdMs: 3_000,
  };
}

export const diskSource =
  (dataDir: string): AlarmSource =>
  async () => {
    const { bavail, blocks, bsize } = await statfs(dataDir);
    const found = diskCondition(dataDir, bavail * bsize, blocks * bsize);
    return found ? [found] : [];
  };

/** What a certificate's remaining life amounts to. Pure; ms since 1970. */
export function certificateCondition(certPem: string, nowMs: number): Condition | undefined {
  const { notAfter, notBefore } = inspectCertificate(certPem);
  const left = notAfter - nowMs;
  if (left > (notAfter - notBefore) * CERTIFICATE_FRACTION) return undefined;
  const when = left <= 0 ? 'has expired' : `expires in ${Math.max(1, Math.round(left / DAY_MS))} days`;
  return {
    code: 'certificate_expiring',
    severity: left < CERTIFICATE_CRITICAL_MS ? 'critical' : 'warning',
    scope: 'own',
    message: `the certificate of this node ${when} and was not renewed`,
    cure: 'the node renews it by itself while there is a quorum: look for "certificate" in its log; an own certificate (cluster.tls) must be replaced by hand',
    holdMs: 10_000,
  };
}

function caCondition(caPem: string, nowMs: number): Condition[] {
  const left = inspectCertificate(caPem).notAfter - nowMs;
  if (left > CA_WARNING_MS) return [];
  return [
    {
      code: 'ca_expiring',
      severity: left < CA_WARNING_MS / 3 ? 'critical' : 'warning',
      scope: 'cluster',
      message: `the CA of the cluster expires in ${Math.max(0, Math.round(left / DAY_MS))} days; then no node trusts another`,
      cure: 'replace it while it is valid: see docs/keys.md',
    },
  ];
}

/** The certificate of this node and the CA of the cluster. */
export const certificateSource =
  (identity: () => { certPem: string; caPem: string }, clock: Clock): AlarmSource =>
  () => {
    const { certPem, caPem } = identity();
    const own = certificateCondition(certPem, clock());
    return [...(own ? [own] : []), ...caCondition(caPem, clock())];
  };

/** etcd of this node: its alarms, and how full it is. */
export const etcdSource =
  (journal: Journal, quotaBytes: number): AlarmSource =>
  () => {
    const status = journal.raft?.current;
    if (!status?.answered) return [];
    const own = parseEtcdAlarms(status.alarms).filter(({ memberId }) => memberId === status.memberId);
    const standing = own.map(({ code }): Condition => {
      const full = code === 'etcd_no_space';
      const message = full
        ? `the journal of this node has reached its limit of ${Math.round(quotaBytes / MB)} MB: the cluster takes no writes`
        : 'etcd found that the journal of this node differs from the others: the cluster takes no writes';
      const cure = `clear it step by step: quorate alarm clear ${code}`;
      return { code, severity: 'critical', scope: 'own', message, cure };
    });
    const used = status.dbInUseBytes ?? 0;
    if (standing.length > 0 || used < quotaBytes * SPACE_LOW_FRACTION) return standing;
    const message = `${Math.round(used / MB)} MB of the ${Math.round(quotaBytes / MB)} MB that the journal may take are in use`;
    const cure =
      'it is trimmed below the newest snapshot: see whether snapshots fail, lower raft.retain_entries, or raise raft.quota_bytes';
    return [{ code: 'etcd_space_low', severity: 'warning', scope: 'own', message, cure, holdMs: 30_000 }];
  };

/** Members that are down, and what that means for the quorum. */
export const membersSource =
  (journal: Journal, view: ClusterView): AlarmSource =>
  () => {
    if (journal.mode === 'single' || journal.health === 'removed') return [];
    const members = view.members();
    const quorum = quorumOf(members, journal);
    const found = members
      .filter(({ self, health }) => !self && (health === 'unreachable' || health === 'unhealthy'))
      .map((member): Condition => {
        const { id, name, health_detail: detail } = member;
        const replace = `, or replace it: quorate cluster remove ${name} --force, then let a new node join`;
        // Nobody can be removed without a quorum.
        const cure = `bring ${name} back${quorum.held ? replace : ''}`;
        const common = { severity: 'warning', scope: 'cluster', subject: name, nodeId: id, holdMs: DOWN_MS } as const;
        return { code: 'member_down', ...common, message: `${name} (node ${id}) is not healthy: ${detail}`, cure };
      });
    const cluster = { severity: 'critical', scope: 'cluster', message: quorum.sentence, cure: quorum.advice } as const;
    if (!quorum.held) found.push({ code: 'quorum_lost', ...cluster, holdMs: 5_000 });
    else if (quorum.tolerated <= 0 && quorum.healthy < quorum.voters) {
      found.push({ code: 'quorum_at_risk', ...cluster, holdMs: DOWN_MS });
    }
    return found;
  };

/** The clock of this node, as its peers see it. */
export const clockSource =
  (view: ClusterView): AlarmSource =>
  () => {
    const offsets = view.members().flatMap((member) => (member.self ? [] : (member.clock_offset_ms ?? [])));
    const median = offsets.sort((a, b) => a - b)[Math.floor(offsets.length / 2)] ?? 0;
    if (Math.abs(median) <= CLOCK_LIMIT_MS) return [];
    const how = `${(Math.abs(median) / 1000).toFixed(1)} s ${median > 0 ? 'behind' : 'ahead of'}`;
    const cure = 'let chrony or systemd-timesyncd set the clock (timedatectl timesync-status)';
    const message = `the clock of this node is ${how} the other members`;
    return [{ code: 'clock_offset', severity: 'warning', scope: 'own', message, cure, holdMs: CLOCK_HOLD_MS }];
  };

/** What keeps this node's state from being trusted or saved. */
export const stateSource =
  (journal: Journal, keeper: SnapshotKeeper): AlarmSource =>
  () => {
    const found: Condition[] = [];
    const own = { scope: 'own' } as const;
    if (keeper.failure !== '') {
      const message = `this node cannot make a snapshot of its state: ${keeper.failure}`;
      const cure = 'it tries again every minute; until then the log is not trimmed';
      found.push({ code: 'snapshot_failing', severity: 'warning', ...own, message, cure });
    }
    if (journal.health === 'upgrade_required') {
      const message = 'the log holds commands that this version does not know; the node stands still';
      found.push({ code: 'upgrade_required', severity: 'critical', ...own, message, cure: 'upgrade this node' });
    }
    if (journal.health === 'resyncing') {
      const message =
        'the log does not continue the state of this node (trimmed, or an old copy), and no member has given it a newer one';
      const cure =
        'bring the other members up; where none is left, stop this node and make a new log from its state: quorated recover';
      found.push({ code: 'journal_unfit', severity: 'critical', ...own, message, cure, holdMs: UNFIT_MS });
    }
    if (journal.health === 'diverged') {
      const message = 'the state of this node is damaged or differs from the others; it serves no traffic';
      const cure = 'it takes the state of a healthy member by itself; where there is none, see docs/journal.md';
      found.push({ code: 'state_diverged', severity: 'critical', ...own, message, cure });
    }
    return found;
  };

/** Members whose states differ without a majority for either: nobody can tell by itself who is right. */
export const divergenceSource =
  (checkpoints: Checkpoints): AlarmSource =>
  () => {
    if (checkpoints.verdict.kind !== 'unclear') return [];
    const message = 'the states of the members differ, and no majority has the same';
    const cure = 'find out which one is right, remove the other members and let them join afresh: see docs/journal.md';
    return [{ code: 'state_diverged', severity: 'critical', scope: 'own', subject: 'unclear', message, cure }];
  };
