import { eq } from 'drizzle-orm';
import type { StateDb } from '../../db/state-store';
import type { Clock } from '../../lib/clock';
import { uuidv7 } from '../../lib/ids';
import { lastOf } from '../../lib/last-of';
import type { Logger } from '../../lib/logger';
import type { Reconciler } from '../../reconcile/driver';
import type { Proposer } from '../../replication/proposer';
import { clusterInfo, clusterSecrets } from '../../resources/setup/table';
import { issuerOf, renewalReason, renewCertificate } from '../certificate-care';
import { SYSTEM_ACTOR } from '../founding';
import type { Journal } from '../journal';
import { type Keyring, SECRET } from '../keyring';
import { liveMembers } from '../members/admission';
import type { Identity } from '../pki/identity';
import { splitPem } from '../pki/inspect';
import { keyPinOf } from '../pki/keys';
import { keyIdOf } from '../pki/secrets';
import { fingerprintOfPem, runningCaRotation, wantedCaPem } from './ca-progress';
import { reportKeys } from './commands';
import type { OwnIdentity } from './own-identity';
import { nodeKeys } from './table';

export interface KeyCareDeps {
  readonly nodeId: number;
  /** What the certificate must name. */
  readonly hosts: readonly string[];
  readonly own: OwnIdentity;
  readonly keyring: Keyring;
  readonly journal: Journal;
  readonly db: () => StateDb;
  readonly proposer: Proposer;
  readonly isLeader: () => boolean;
  /** Hands leadership over when another voter can take it. */
  readonly yieldLeadership: () => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface KeyCare extends Reconciler {
  /** Trusts the CAs that the state names. Before the log is opened, so that etcd starts with them. */
  alignTrust(): void;
}

/** Whether the cluster has a CA of its own; else its operator issues the certificates. */
export const hasOwnCa = (db: StateDb): boolean =>
  db.select().from(clusterSecrets).where(eq(clusterSecrets.name, SECRET.caKey)).get() !== undefined;

/** The CA that signs certificates now, and its key. */
export async function signingCa(
  db: () => StateDb,
  keyring: Pick<Keyring, 'caKey'>,
): Promise<{ certPem: string; keyPem: string }> {
  for (;;) {
    const before = db().select().from(clusterInfo).get()?.caCert;
    const keyPem = await keyring.caKey();
    const certPem = db().select().from(clusterInfo).get()?.caCert;
    if (certPem !== undefined && certPem === before) return { certPem, keyPem };
  }
}

const pinOf = lastOf((certPem: string) => keyPinOf(certPem));
const fingerprintsIn = (caPem: string): string[] => splitPem(caPem).map(fingerprintOfPem);

/** Brings what this node shows, trusts and holds in line with the state, and says how far it is. */
export function createKeyCare(deps: KeyCareDeps): KeyCare {
  const { nodeId, own, keyring, journal, db, logger } = deps;

  function alignTrust(): void {
    const wanted = wantedCaPem(db());
    const current = own.identity();
    if (wanted === undefined || fingerprintsIn(wanted).join() === fingerprintsIn(current.caPem).join()) return;
    // A node whose certificate the new CA has not signed yet would lock itself out.
    if (issuerOf(current.certPem, wanted) === undefined) return;
    own.use({ ...current, caPem: wanted });
    logger.info({ cas: fingerprintsIn(wanted).length }, 'this node trusts the CAs that the cluster names by now');
  }

  async function renew(): Promise<void> {
    const info = db().select().from(clusterInfo).get();
    if (!info || !hasOwnCa(db())) return;
    const reason = renewalReason(own.identity().certPem, info.caCert, deps.hosts, deps.clock());
    if (!reason) return;
    const ca = await signingCa(db, keyring);
    const { hosts, clock } = deps;
    const identity = own.identity();
    // Signed by a CA that this node does not trust yet, it would not fit to what is on disk.
    if (!fingerprintsIn(identity.caPem).includes(fingerprintOfPem(ca.certPem))) return;
    own.use(await renewCertificate({ identity, ca, nodeId, hosts, nowMs: clock() }));
    logger.info({ reason }, 'the node certificate was renewed');
  }

  /** The CAs that a connection to this node's etcd is checked with; undefined while it does not run. */
  function effectiveTrust(identity: Identity): string | undefined {
    const supervisor = journal.engine?.supervisor;
    if (!supervisor) return identity.caPem;
    const { state, trustedCa } = supervisor.status();
    if (state !== 'ready' || !journal.raft?.current.answered) return undefined;
    // An etcd of the operator has CAs of its own.
    return trustedCa ?? identity.caPem;
  }

  async function restartInTurn(): Promise<void> {
    const rotation = runningCaRotation(db());
    const supervisor = journal.engine?.supervisor;
    if (rotation?.turnNode !== nodeId || !supervisor || effectiveTrust(own.identity()) === undefined) return;
    const { trustedCa } = supervisor.status();
    if (trustedCa === null || trustedCa === own.identity().caPem) return;
    if (deps.isLeader()) await deps.yieldLeadership();
    logger.info({ stage: rotation.stage }, 'etcd restarts to read which CAs it is to trust');
    await supervisor.restart();
  }

  async function report(): Promise<void> {
    const identity = own.identity();
    const trust = effectiveTrust(identity);
    if (trust === undefined) return;
    const issuer = issuerOf(identity.certPem, identity.caPem);
    const facts = {
      certPem: identity.certPem,
      issuer: issuer === undefined ? '' : fingerprintOfPem(issuer),
      trusts: fingerprintsIn(trust),
      clusterKeyId: keyIdOf(identity.clusterKey),
    };
    const known = db().select().from(nodeKeys).where(eq(nodeKeys.nodeId, nodeId)).get();
    const same =
      known?.certPem === facts.certPem &&
      known.issuer === facts.issuer &&
      known.trusts.join() === facts.trusts.join() &&
      known.clusterKeyId === facts.clusterKeyId;
    if (!same) await deps.proposer.propose(reportKeys, facts, { actor: SYSTEM_ACTOR, id: uuidv7() });
  }

  return {
    name: 'keys',
    intervalMs: 500,
    alignTrust,
    async run() {
      if (journal.health === 'removed') return;
      const member = liveMembers(db()).find(({ id }) => id === nodeId);
      if (member?.keyPin !== pinOf(own.identity().certPem)) return;
      await keyring.clusterKey();
      alignTrust();
      await renew();
      await restartInTurn();
      if (journal.health === 'ok') await report();
    },
  };
}
