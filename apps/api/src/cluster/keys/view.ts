import type { Member as MemberView } from '@quorate/shared/cluster';
import type { CaRotationView, Certificate, ClusterKeyView, Keys, SessionKeyView } from '@quorate/shared/keys';
import type { StateDb } from '../../db/state-store';
import { type Clock, toTimestamp } from '../../lib/clock';
import type { SessionKeys } from '../../resources/session/tokens';
import { clusterInfo, clusterKey } from '../../resources/setup/table';
import { issuerOf, renewalTime } from '../certificate-care';
import { liveMembers } from '../members/admission';
import type { Identity } from '../pki/identity';
import { inspectCertificate, splitPem } from '../pki/inspect';
import { keyIdOf } from '../pki/secrets';
import { planCaStep } from './ca-driver';
import { fingerprintOfPem, pendingMembers, wantedCaPem } from './ca-progress';
import { hasOwnCa } from './key-care';
import { sealedSecrets } from './sealed';
import { type CaRotation, caRotation, nodeKeys } from './table';

const DAY_MS = 24 * 3600 * 1000;
/** A CA cannot renew itself: people get this long to replace it. */
export const CA_WARNING_MS = 90 * DAY_MS;
/** A session key of this age is replaced by itself. */
export const SESSION_KEY_LIFE_MS = 90 * DAY_MS;

export interface KeysViewDeps {
  readonly nodeId: number;
  readonly db: () => StateDb;
  readonly identity: () => Identity;
  readonly sessionKeys: () => SessionKeys | undefined;
  readonly members: () => MemberView[];
  readonly clock: Clock;
}

export interface KeysView {
  keys(): Keys;
  caRotation(): CaRotationView | null;
}

export function createKeysView(deps: KeysViewDeps): KeysView {
  const { db, clock } = deps;

  function caRotationOf(): CaRotationView | null {
    const row = db().select().from(caRotation).get();
    return row ? viewCaRotation(db(), row, deps.members()) : null;
  }

  return {
    caRotation: caRotationOf,
    keys: () => ({
      own_ca: hasOwnCa(db()),
      ca_pem: wantedCaPem(db()) ?? deps.identity().caPem,
      certificates: certificates(deps),
      session_keys: sessionKeyViews(deps.sessionKeys(), clock()),
      cluster_key: clusterKeyView(deps),
      ca_rotation: caRotationOf(),
    }),
  };
}

function certificates(deps: KeysViewDeps): Certificate[] {
  const db = deps.db();
  const now = deps.clock();
  const { certPem, caPem } = deps.identity();
  const own = hasOwnCa(db);
  const current = db.select().from(clusterInfo).get()?.caCert;
  const authorities = [...new Set(splitPem(`${caPem}\n${own ? (current ?? '') : ''}`).map((pem) => pem.trim()))];
  const reports = new Map(
    db
      .select()
      .from(nodeKeys)
      .all()
      .map((row) => [row.nodeId, row.certPem]),
  );
  const nodes = liveMembers(db).flatMap(({ id }) => {
    const pem = id === deps.nodeId ? certPem : reports.get(id);
    return pem === undefined ? [] : [nodeCertificate(pem, authorities.join('\n'), { id, own, now })];
  });
  return [...authorities.map((pem) => caCertificate(pem, own, now)), ...nodes];
}

function facts(pem: string) {
  const { subjectCn, notBefore, notAfter } = inspectCertificate(pem);
  return {
    subject: subjectCn,
    fingerprint: fingerprintOfPem(splitPem(pem)[0] ?? ''),
    not_before: toTimestamp(notBefore),
    not_after: toTimestamp(notAfter),
  };
}

function caCertificate(pem: string, own: boolean, now: number): Certificate {
  const shared = facts(pem);
  const left = Date.parse(shared.not_after) - now;
  const state = left <= 0 ? 'expired' : left < CA_WARNING_MS ? 'expiring' : 'ok';
  const cure = own ? 'replace it with: quorate cluster keys rotate ca' : "issue certificates of your own PKI's next CA";
  const advice =
    state === 'ok' ? `When less than 90 days are left, ${cure}.` : `Without it no node trusts another: ${cure}.`;
  const rest = { node_id: null, issuer_fingerprint: shared.fingerprint, renews_at: null, state, advice } as const;
  return { kind: 'ca', ...shared, ...rest };
}

function nodeCertificate(
  pem: string,
  authorities: string,
  { id, own, now }: { id: number; own: boolean; now: number },
): Certificate {
  const shared = facts(pem);
  const issuer = issuerOf(pem, authorities);
  const renews = renewalTime(pem);
  const state = now > Date.parse(shared.not_after) ? 'expired' : now > renews ? 'expiring' : 'ok';
  const late = own
    ? 'It should have been renewed: start the node, and look for "certificate" in its log.'
    : 'Put a new certificate where cluster.tls names it.';
  const fine = own ? 'The node renews it by itself.' : 'Your own PKI renews it.';
  return {
    kind: 'node',
    node_id: id,
    ...shared,
    issuer_fingerprint: issuer === undefined ? null : fingerprintOfPem(issuer),
    renews_at: own ? toTimestamp(renews) : null,
    state,
    advice: state === 'ok' ? fine : late,
  };
}

const secondsSince = (at: number, now: number): number => Math.max(0, Math.floor((now - at) / 1000));

function sessionKeyViews(keys: SessionKeys | undefined, now: number): SessionKeyView[] {
  if (!keys) return [];
  const { current, retired } = keys;
  const shared = ({ id, createdAt }: { id: string; createdAt: number }) => ({
    id,
    created_at: toTimestamp(createdAt),
    age_seconds: secondsSince(createdAt, now),
  });
  const signing: SessionKeyView = {
    ...shared(current),
    state: 'signing',
    rotates_at: toTimestamp(current.createdAt + SESSION_KEY_LIFE_MS),
    accepted_until: null,
  };
  const still = retired.filter(({ acceptedUntil }) => now < acceptedUntil).reverse();
  const others = still.map((key): SessionKeyView => {
    return { ...shared(key), state: 'retired', rotates_at: null, accepted_until: toTimestamp(key.acceptedUntil) };
  });
  return [signing, ...others];
}

function clusterKeyView(deps: KeysViewDeps): ClusterKeyView {
  const db = deps.db();
  const row = db.select().from(clusterKey).get();
  const createdAt = row?.createdAt ?? db.select().from(clusterInfo).get()?.createdAt ?? deps.clock();
  const id = row?.keyId ?? keyIdOf(deps.identity().clusterKey);
  const holders = new Map(
    db
      .select()
      .from(nodeKeys)
      .all()
      .map(({ nodeId, clusterKeyId }) => [nodeId, clusterKeyId]),
  );
  const missing = liveMembers(db).filter((member) => holders.has(member.id) && holders.get(member.id) !== id);
  return {
    id,
    created_at: toTimestamp(createdAt),
    age_seconds: secondsSince(createdAt, deps.clock()),
    secrets: sealedSecrets(db).length,
    missing_on: missing.map((member) => member.id),
  };
}

/** Share of the whole, in percent, at which a stage begins. */
const BEGINS_AT = { trusting: 0, ready: 40, reissuing: 40, dropping: 60, finished: 100 } as const;
const ENDS_AT = { trusting: 40, ready: 40, reissuing: 60, dropping: 100, finished: 100 } as const;

export function viewCaRotation(db: StateDb, row: CaRotation, members: readonly MemberView[]): CaRotationView {
  const finished = row.stage === 'finished';
  const pending = finished ? [] : pendingMembers(db, row);
  const share = members.length === 0 ? 0 : (members.length - pending.length) / members.length;
  const step = finished ? undefined : planCaStep(row, pending, members);
  const stateOf = (id: number): 'waiting' | 'working' | 'done' => {
    if (!pending.includes(id)) return 'done';
    return row.turnNode === id || row.stage === 'reissuing' ? 'working' : 'waiting';
  };
  return {
    id: row.operationId,
    state: finished ? 'succeeded' : 'running',
    stage: row.stage,
    percent: Math.round(BEGINS_AT[row.stage] + (ENDS_AT[row.stage] - BEGINS_AT[row.stage]) * share),
    old_fingerprint: fingerprintOfPem(row.oldCaCert),
    new_fingerprint: fingerprintOfPem(row.newCaCert),
    new_ca: row.newCaCert,
    requested_by: row.requestedBy,
    started_at: toTimestamp(row.startedAt),
    finished_at: finished ? toTimestamp(row.stageAt) : null,
    nodes: members.map(({ id, name }) => ({ id, name, state: stateOf(id) })),
    waiting_for: step?.kind === 'wait' ? step.why : '',
  };
}
