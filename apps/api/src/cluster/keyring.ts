import { createHmac } from 'node:crypto';
import { eq } from 'drizzle-orm';
import type { StateDb } from '../db/state-store';
import { clusterSecrets } from '../resources/setup/table';
import { decryptSecret, encryptSecret } from './pki/secrets';

/** Names under which the cluster's keys stand in the replicated state, wrapped by the cluster key. */
export const SECRET = { caKey: 'ca_key', sessionKey: 'session_key' } as const;

/** The cluster's keys, opened. */
export interface Keyring {
  /** Signs sessions; undefined until {@link Keyring.refresh} has seen the initialized state. */
  sessionKey(): Uint8Array | undefined;
  /** Private key of the cluster CA, PEM. Opened when needed, never kept. @throws SecretError */
  caKey(): Promise<string>;
  /** Keys fingerprints and derived secrets; the same on every core node. */
  deriveKey(): Buffer;
  /** Encrypts a secret for the replicated state, bound to `name`. */
  seal(name: string, plaintext: string): Promise<string>;
  /** @throws SecretError when it was sealed under another key or name */
  unseal(name: string, jwe: string): Promise<string>;
  /** Opens what the state holds by now. @throws SecretError when the cluster key does not fit */
  refresh(): Promise<void>;
}

export function createKeyring(options: { db: () => StateDb; clusterKey: () => Uint8Array }): Keyring {
  let sessionKey: Uint8Array | undefined;
  let derived: { from: Uint8Array; key: Buffer } | undefined;

  async function open(name: string): Promise<string | undefined> {
    const row = options.db().select().from(clusterSecrets).where(eq(clusterSecrets.name, name)).get();
    return row && (await decryptSecret(options.clusterKey(), name, row.jwe));
  }

  return {
    sessionKey: () => sessionKey,
    async caKey() {
      const key = await open(SECRET.caKey);
      if (key === undefined)
        throw new Error('the state holds no CA key: the cluster uses certificates of its operator');
      return key;
    },
    deriveKey() {
      const clusterKey = options.clusterKey();
      if (derived?.from !== clusterKey) {
        derived = { from: clusterKey, key: createHmac('sha256', clusterKey).update('quorate:derive').digest() };
      }
      return derived.key;
    },
    seal: (name, plaintext) => encryptSecret(options.clusterKey(), name, plaintext),
    unseal: (name, jwe) => decryptSecret(options.clusterKey(), name, jwe),
    async refresh() {
      const text = await open(SECRET.sessionKey);
      sessionKey = text === undefined ? undefined : Buffer.from(text, 'base64url');
    },
  };
}
