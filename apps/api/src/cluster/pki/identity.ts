import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensurePrivateDir, writeFileAtomic } from './atomic-file';
import { createNodeKey } from './keys';

/** What a member holds on disk, and nowhere else. The CA key is not part of it: that lives encrypted in the state. */
export interface Identity {
  readonly caPem: string;
  readonly certPem: string;
  readonly keyPem: string;
  /** 32 bytes; opens the secrets in the replicated state. */
  readonly clusterKey: Uint8Array;
}

/** A file of the identity is damaged or missing. The message names the cure. */
export class IdentityError extends Error {
  override readonly name = 'IdentityError';
}

const FILES = { caPem: 'ca.crt', certPem: 'node.crt', keyPem: 'node.key', clusterKey: 'cluster.key' } as const;

export const pkiDirOf = (dataDir: string): string => join(dataDir, 'pki');

function read(dataDir: string, file: string): string | undefined {
  try {
    return readFileSync(join(pkiDirOf(dataDir), file), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * The identity in `<dataDir>/pki`; undefined while the node is not part of a cluster (it may have a key already).
 *
 * @throws IdentityError when a part is missing or damaged
 */
export function loadIdentity(dataDir: string): Identity | undefined {
  const certPem = read(dataDir, FILES.certPem);
  if (certPem === undefined) return undefined;
  const part = (file: string): string => {
    const text = read(dataDir, file);
    if (text !== undefined) return text;
    throw new IdentityError(
      `${join(pkiDirOf(dataDir), file)} is missing; put it back from a copy, or remove the node from the cluster, ` +
        'empty its data directory and join again',
    );
  };
  const keyPem = checkedKey(dataDir, part(FILES.keyPem));
  return { caPem: part(FILES.caPem), certPem, keyPem, clusterKey: parseClusterKey(dataDir, part(FILES.clusterKey)) };
}

function checkedKey(dataDir: string, keyPem: string): string {
  try {
    createPrivateKey(keyPem);
    return keyPem;
  } catch (error) {
    const path = join(pkiDirOf(dataDir), FILES.keyPem);
    throw new IdentityError(
      `${path} is no PEM private key; put it back from a copy, or remove it and join again as a new node`,
      { cause: error },
    );
  }
}

function parseClusterKey(dataDir: string, text: string): Uint8Array {
  if (/^[0-9a-f]{64}\n?$/.test(text)) return new Uint8Array(Buffer.from(text.trim(), 'hex'));
  const path = join(pkiDirOf(dataDir), FILES.clusterKey);
  throw new IdentityError(`${path} is damaged; copy this file from another member of the cluster`);
}

/** Writes the identity, the certificate last: while it is missing the identity does not exist. */
export function saveIdentity(dataDir: string, identity: Identity): void {
  const dir = pkiDirOf(dataDir);
  ensurePrivateDir(dir);
  writeFileAtomic(join(dir, FILES.keyPem), identity.keyPem);
  writeFileAtomic(join(dir, FILES.clusterKey), `${Buffer.from(identity.clusterKey).toString('hex')}\n`);
  writeFileAtomic(join(dir, FILES.caPem), identity.caPem);
  writeFileAtomic(join(dir, FILES.certPem), identity.certPem);
}

/** The node's private key, made and stored when there is none: a join that is tried again shows the same key. */
export function loadOrCreateNodeKey(dataDir: string): string {
  const existing = read(dataDir, FILES.keyPem);
  if (existing !== undefined) return checkedKey(dataDir, existing);
  const keyPem = createNodeKey();
  ensurePrivateDir(pkiDirOf(dataDir));
  writeFileAtomic(join(pkiDirOf(dataDir), FILES.keyPem), keyPem);
  return keyPem;
}
