import { randomBytes } from 'node:crypto';
import { asc, eq } from 'drizzle-orm';
import type { CommandDefinition } from '../../commands/define-command';
import { DomainError } from '../../commands/domain-error';
import type { StateDb } from '../../db/state-store';
import type { Clock } from '../../lib/clock';
import { uuidv7 } from '../../lib/ids';
import { SESSION_KEY_SPREAD_MS, SESSION_LIFETIME_MS } from '../../resources/session/tokens';
import { clusterInfo, clusterSecrets } from '../../resources/setup/table';
import { type Keyring, SECRET } from '../keyring';
import { liveMembers } from '../members/admission';
import { createNamedCa } from '../pki/issue';
import { keyPinOf } from '../pki/keys';
import { decryptSecret, encryptSecret, keyIdOf, SecretError, wrapForNode } from '../pki/secrets';
import { refuseDuringCaRotation, runningCaRotation } from './ca-progress';
import { continueCaRotation, rotateClusterKey, rotateSessionKey, startCaRotation } from './commands';
import { hasOwnCa } from './key-care';
import { sealedSecrets } from './sealed';
import { nodeKeys } from './table';

/** Proposes as whoever asked. @throws DomainError */
export type Propose = <Input, Result>(command: CommandDefinition<Input, Result>, input: Input) => Promise<Result>;

/** Rotates the keys that the members share. */
export interface KeyRotator {
  /** @throws DomainError conflict when another rotation came first */
  sessionKey(propose: Propose, options: { endSessions: boolean }): Promise<void>;
  /** @throws DomainError membership_change_in_progress while a member's key is not known */
  clusterKey(propose: Propose): Promise<void>;
  /** Begins to replace the CA; the leader carries it on. `hold` null = where the nodes serve TLS. @throws DomainError */
  ca(propose: Propose, options: { hold: boolean | null }): Promise<void>;
  /** Goes on with one that waits for clients. @throws DomainError conflict */
  continueCa(propose: Propose): Promise<void>;
}

/** Secrets and members that come or go while a rotation is prepared make it begin anew. */
const ATTEMPTS = 4;
/** Clocks differ a little; the last session of a key must not end before its own time. */
const CLOCK_MARGIN_MS = 60_000;

export function createKeyRotator(deps: {
  readonly db: () => StateDb;
  readonly keyring: Keyring;
  readonly clock: Clock;
  /** An etcd of the operator that knows the nodes by certificates of this CA. */
  readonly showsCaToEtcd: boolean;
}): KeyRotator {
  const { db, keyring } = deps;

  async function again<T>(attempt: () => Promise<T>): Promise<T> {
    for (let left = ATTEMPTS; ; left--) {
      try {
        return await attempt();
      } catch (error) {
        if (left <= 1 || !(error instanceof DomainError && error.code === 'conflict')) throw error;
      }
    }
  }

  /** Members with the key that each has shown. */
  function memberKeys(): { nodeId: number; certPem: string }[] {
    const known = new Map(
      db()
        .select()
        .from(nodeKeys)
        .orderBy(asc(nodeKeys.nodeId))
        .all()
        .map((row) => [row.nodeId, row.certPem]),
    );
    return liveMembers(db()).map(({ id, name, keyPin }) => {
      const certPem = known.get(id);
      if (certPem !== undefined && keyPinOf(certPem) === keyPin) return { nodeId: id, certPem };
      const detail = `${name} (node ${id}) has not shown its key yet, which it does when it runs; start it, or remove it`;
      throw new DomainError('membership_change_in_progress', detail, [], 2);
    });
  }

  async function rotateCluster(propose: Propose): Promise<void> {
    const members = memberKeys();
    const [from, to] = [await keyring.clusterKey(), new Uint8Array(randomBytes(32))];
    const plain = Buffer.from(to).toString('hex');
    const copies = await Promise.all(
      members.map(async ({ nodeId, certPem }) => ({ nodeId, wrapped: await wrapForNode(certPem, plain) })),
    );
    const secrets = await Promise.all(
      sealedSecrets(db()).map(async ({ store, id, name, jwe }) => {
        const text = await decryptSecret(from, name, jwe).catch((error: unknown) => {
          if (error instanceof SecretError) return undefined;
          throw error;
        });
        return { store, id, from: jwe, to: text === undefined ? null : await encryptSecret(to, name, text) };
      }),
    );
    const derived = db().select().from(clusterSecrets).where(eq(clusterSecrets.name, SECRET.deriveKey)).get();
    const deriveText = keyring.deriveKey().toString('base64url');
    const deriveKey = derived ? null : await encryptSecret(to, SECRET.deriveKey, deriveText);
    await propose(rotateClusterKey, { fromId: keyIdOf(from), toId: keyIdOf(to), copies, secrets, deriveKey });
    await keyring.refresh();
  }

  /** Who reaches nodes over TLS trusts the CA: load balancers, clients, browsers. */
  const servesTls = (): boolean => liveMembers(db()).some(({ apiUrl }) => apiUrl.startsWith('https:'));

  async function startCa(propose: Propose, hold: boolean): Promise<void> {
    const info = db().select().from(clusterInfo).get();
    if (!info) throw new DomainError('not_ready', 'this node has no cluster state yet; try again shortly', [], 1);
    const nowMs = deps.clock();
    // Named unlike the one before, so that no verifier takes one for the other.
    const ca = await createNamedCa(`quorate-ca-${info.clusterId.slice(-8)}-${nowMs.toString(36)}`, nowMs);
    const keyJwe = await keyring.seal(SECRET.caKey, ca.keyPem);
    await propose(startCaRotation, { operationId: uuidv7(), caCert: ca.certPem, keyJwe, hold });
  }

  return {
    async sessionKey(propose, { endSessions }) {
      const row = db().select().from(clusterSecrets).where(eq(clusterSecrets.name, SECRET.sessionKey)).get();
      if (!row) throw new DomainError('not_ready', 'this node has no cluster state yet; try again shortly', [], 1);
      const old = Buffer.from(await keyring.unseal(SECRET.sessionKey, row.jwe), 'base64url');
      const to = await keyring.seal(SECRET.sessionKey, randomBytes(32).toString('base64url'));
      const acceptMs = endSessions ? null : SESSION_LIFETIME_MS + SESSION_KEY_SPREAD_MS + CLOCK_MARGIN_MS;
      await propose(rotateSessionKey, { from: row.jwe, fromId: keyIdOf(old), to, acceptMs });
      await keyring.refresh();
    },
    clusterKey: (propose) => again(() => rotateCluster(propose)),
    async continueCa(propose) {
      const rotation = runningCaRotation(db());
      if (!rotation) throw new DomainError('conflict', 'the CA is not being replaced');
      await propose(continueCaRotation, { operationId: rotation.operationId });
    },
    async ca(propose, { hold }) {
      if (!hasOwnCa(db())) {
        const detail =
          "the cluster runs on certificates of its operator's own CA; replace cluster.tls on each node instead";
        throw new DomainError('conflict', detail);
      }
      if (deps.showsCaToEtcd) {
        const cure = 'give it certificates of its own (raft.tls) first';
        throw new DomainError('conflict', `your etcd knows the nodes by this CA and would shut them out; ${cure}`);
      }
      refuseDuringCaRotation(db());
      const joining = liveMembers(db()).find((member) => member.state !== 'voter');
      if (joining) {
        const detail = `${joining.name} (node ${joining.id}) is joining; wait until it votes, or remove it`;
        throw new DomainError('membership_change_in_progress', detail, [], 5);
      }
      // Whoever knew the old cluster key could read the new CA's key.
      await again(() => rotateCluster(propose));
      await again(() => startCa(propose, hold ?? servesTls()));
    },
  };
}
