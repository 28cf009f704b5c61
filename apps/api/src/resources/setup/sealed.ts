import { decodeProtectedHeader } from 'jose';
import { DomainError } from '../../commands/domain-error';
import type { StateDb } from '../../db/state-store';
import { clusterKey } from './table';

/** Id of the cluster key that the state's secrets are under; undefined until it was rotated for the first time. */
export const clusterKeyId = (db: StateDb): string | undefined => db.select().from(clusterKey).get()?.keyId;

/**
 * Keeps out a secret that was encrypted before the cluster key was rotated and comes after: nobody could open it.
 * Pure, for `apply`.
 *
 * @throws DomainError conflict
 */
export function requireSealed(tx: StateDb, jwe: string): void {
  const current = clusterKeyId(tx);
  if (current === undefined || keyIdIn(jwe) === current) return;
  throw new DomainError('conflict', 'the cluster key was rotated meanwhile; send it again', [], 1);
}

function keyIdIn(jwe: string): unknown {
  try {
    return decodeProtectedHeader(jwe).kid;
  } catch {
    return undefined;
  }
}
