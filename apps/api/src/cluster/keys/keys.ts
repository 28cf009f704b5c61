import { lte } from 'drizzle-orm';
import type { StateDb } from '../../db/state-store';
import type { Clock } from '../../lib/clock';
import { uuidv7 } from '../../lib/ids';
import type { Logger } from '../../lib/logger';
import { type ReconcilerHandle, startReconciler } from '../../reconcile/driver';
import type { Applier } from '../../replication/applier';
import type { Proposer } from '../../replication/proposer';
import { SYSTEM_ACTOR } from '../founding';
import type { Journal } from '../journal';
import type { Keyring } from '../keyring';
import type { Membership } from '../membership';
import type { ClusterView } from '../view';
import { createCaDriver } from './ca-driver';
import { forgetSessionKeys } from './commands';
import { createKeyCare } from './key-care';
import type { OwnIdentity } from './own-identity';
import { createKeyRotator, type KeyRotator, type Propose } from './rotate';
import { retiredSessionKeys } from './table';
import { createKeysView, type KeysView, SESSION_KEY_LIFE_MS } from './view';

export interface ClusterKeysDeps {
  readonly nodeId: number;
  /** What the certificate must name. */
  readonly hosts: readonly string[];
  /** An etcd of the operator that knows the nodes by certificates of the cluster's CA. */
  readonly showsCaToEtcd: boolean;
  readonly own: OwnIdentity;
  readonly keyring: Keyring;
  readonly journal: Journal;
  readonly view: ClusterView;
  readonly membership: Membership;
  readonly db: () => StateDb;
  readonly applier: Applier;
  readonly proposer: Proposer;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Certificates and keys of this node and of the cluster: shown, renewed, rotated. */
export interface ClusterKeys {
  readonly view: KeysView;
  readonly rotator: KeyRotator;
  /** Trusts the CAs that the state names; before the log is opened. */
  alignTrust(): void;
  /** Starts what keeps them in order. */
  start(): ReconcilerHandle[];
}

const SESSION_KEY_CHECK_MS = 60_000;

export function createClusterKeys(deps: ClusterKeysDeps): ClusterKeys {
  const { nodeId, keyring, view, membership, db, proposer, clock, logger } = deps;
  const { identity } = deps.own;
  const { sessionKeys } = keyring;
  const isLeader = (): boolean => view.leaderId() === nodeId;
  const rotator = createKeyRotator({ db, keyring, clock, showsCaToEtcd: deps.showsCaToEtcd });
  const care = createKeyCare({
    ...deps,
    isLeader,
    async yieldLeadership() {
      if (view.members().length === 1) return;
      await membership.transferLeadership(null, { reason: 'transfer', requestedBy: 'CA rotation' });
    },
  });
  const driver = createCaDriver({ db, members: view.members, isLeader, proposer });

  const asSystem: Propose = async (command, input) =>
    (await proposer.propose(command, input, { actor: SYSTEM_ACTOR, id: uuidv7() })).result;

  /** The leader replaces session keys by age, and forgets those that no session needs any more. */
  async function keepSessionKeys(): Promise<void> {
    const keys = keyring.sessionKeys();
    if (!keys || !isLeader()) return;
    const now = clock();
    if (now - keys.current.createdAt > SESSION_KEY_LIFE_MS) await rotator.sessionKey(asSystem, { endSessions: false });
    const over = db().select().from(retiredSessionKeys).where(lte(retiredSessionKeys.acceptedUntil, now)).all();
    if (over.length > 0) await asSystem(forgetSessionKeys, {});
  }

  return {
    view: createKeysView({ nodeId, db, identity, sessionKeys, members: view.members, clock }),
    rotator,
    alignTrust: care.alignTrust,
    start() {
      const sessions = { name: 'session keys', intervalMs: SESSION_KEY_CHECK_MS, run: keepSessionKeys };
      const handles = [care, driver, sessions].map((one) => startReconciler(one, logger));
      deps.applier.onApplied(({ events }) => {
        if (!events.some(({ type }) => type.startsWith('keys.'))) return;
        keyring.refresh().catch((error: unknown) => logger.warn({ err: error }, 'keys of the state cannot be opened'));
        for (const handle of handles) handle.trigger();
      });
      return handles;
    },
  };
}
