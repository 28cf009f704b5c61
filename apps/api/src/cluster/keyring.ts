import { createHmac } from 'node:crypto';
import { asc, eq } from 'drizzle-orm';
import type { StateDb } from '../db/state-store';
import type { SessionKeys } from '../resources/session/tokens';
import { clusterKeyId } from '../resources/setup/sealed';
import { clusterSecrets } from '../resources/setup/table';
import { clusterKeyCopies, retiredSessionKeys } from './keys/table';
import { decryptSecret, encryptSecret, keyIdOf, SecretError, unwrapFromNode } from './pki/secrets';

/** Names under which the cluster's keys stand in the replicated state, wrapped by the cluster key. */
export const SECRET = {
  caKey: 'ca_key',
  sessionKey: 'session_key',
  /** Since the cluster key was rotated first: what was derived from it must stay the same for repeated requests. */
  deriveKey: 'derive_key',
} as const;

/** The cluster's keys, opened. */
export interface Keyring {
  /** Signs and verifies sessions; undefined until {@link Keyring.refresh} has seen the initialized state. */
  sessionKeys(): SessionKeys | undefined;
  /** Private key of the cluster CA, PEM. Opened when needed, never kept. @throws SecretError */
  caKey(): Promise<string>;
  /** The cluster key that the state is under. @throws SecretError when this node has no copy of it */
  clusterKey(): Promise<Uint8Array>;
  /** Keys fingerprints and derived secrets; the same on every core node. */
  deriveKey(): Buffer;
  /** Encrypts a secret for the replicated state, bound to `name`. */
  seal(name: string, plaintext: string): Promise<string>;
  /** @throws SecretError when it was sealed under another key or name */
  unseal(name: string, jwe: string): Promise<string>;
  /** Opens what the state holds by now. @throws SecretError when the cluster key does not fit */
  refresh(): Promise<void>;
}

export interface KeyringOptions {
  readonly db: () => StateDb;
  readonly nodeId: number;
  /** What this node holds: its private key (PEM) and the cluster key. */
  readonly held: () => { readonly keyPem: string; readonly clusterKey: Uint8Array };
  /** Stores a new cluster key in place of the old one. */
  readonly adopt: (clusterKey: Uint8Array) => void;
}

const deriveFrom = (clusterKey: Uint8Array): Buffer =>
  createHmac('sha256', clusterKey).update('quorate:derive').digest();

export function createKeyring(options: KeyringOptions): Keyring {
  const { db, nodeId, held } = options;
  let sessionKeys: SessionKeys | undefined;
  let derived: { readonly from: Uint8Array; readonly key: Buffer } | undefined;
  let storedDeriveKey: Buffer | undefined;

  /** The state names the key that it is under; where it was rotated, it also holds this node's copy. */
  async function clusterKey(): Promise<Uint8Array> {
    const wanted = clusterKeyId(db());
    const { clusterKey: own, keyPem } = held();
    if (wanted === undefined || keyIdOf(own) === wanted) return own;
    const copy = db().select().from(clusterKeyCopies).where(eq(clusterKeyCopies.nodeId, nodeId)).get();
    if (!copy) throw new SecretError(`the cluster key ${wanted} is in use, and the state holds no copy for this node`);
    const next = new Uint8Array(Buffer.from(await unwrapFromNode(keyPem, copy.wrapped), 'hex'));
    // Rotated once more while this was opened: that copy is another key again.
    if (keyIdOf(next) !== clusterKeyId(db())) return clusterKey();
    options.adopt(next);
    return next;
  }

  const unseal = async (name: string, jwe: string): Promise<string> => decryptSecret(await clusterKey(), name, jwe);

  async function open(name: string): Promise<{ text: string; updatedAt: number } | undefined> {
    const find = () => db().select().from(clusterSecrets).where(eq(clusterSecrets.name, name)).get();
    await clusterKey();
    const row = find();
    return row && { text: await unseal(name, row.jwe), updatedAt: row.updatedAt };
  }

  async function openSessionKeys(): Promise<SessionKeys | undefined> {
    const current = await open(SECRET.sessionKey);
    if (current === undefined) return undefined;
    const keyed = (text: string) => {
      const key = Buffer.from(text, 'base64url');
      return { id: keyIdOf(key), key };
    };
    const rows = db().select().from(retiredSessionKeys).orderBy(asc(retiredSessionKeys.createdAt)).all();
    const retired = await Promise.all(
      rows.map(async ({ jwe, createdAt, acceptedUntil }) => {
        const text = await unseal(SECRET.sessionKey, jwe);
        return { ...keyed(text), createdAt, acceptedUntil };
      }),
    );
    return { current: { ...keyed(current.text), createdAt: current.updatedAt }, retired };
  }

  return {
    sessionKeys: () => sessionKeys,
    async caKey() {
      const key = await open(SECRET.caKey);
      if (key === undefined)
        throw new Error('the state holds no CA key: the cluster uses certificates of its operator');
      return key.text;
    },
    clusterKey,
    deriveKey() {
      if (storedDeriveKey) return storedDeriveKey;
      const from = held().clusterKey;
      if (derived?.from !== from) derived = { from, key: deriveFrom(from) };
      return derived.key;
    },
    async seal(name, plaintext) {
      return encryptSecret(await clusterKey(), name, plaintext);
    },
    unseal,
    async refresh() {
      const derive = await open(SECRET.deriveKey);
      storedDeriveKey = derive && Buffer.from(derive.text, 'base64url');
      sessionKeys = await openSessionKeys();
    },
  };
}
