import { existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pairingDirOf } from '../cluster/pairing/waiting';
import { loadNodeFile, nodeFilePath } from '../cluster/pki/node-file';
import { lockDirectory } from '../lib/directory-lock';
import { moveStateAside } from './data-dir';

/**
 * Puts the identity that a pairing has brought in the place of the node that waited; what that one was is moved aside.
 * Cut short anywhere, the next start goes on: the keys first, node.json, which makes it count, last.
 *
 * @returns whether there was anything to adopt. @throws DirectoryLocked
 */
export function adoptPairing(dataDir: string, nowMs: number): boolean {
  const from = pairingDirOf(dataDir);
  if (loadNodeFile(from) === undefined) return false;
  const unlock = lockDirectory(dataDir);
  try {
    if (existsSync(join(from, 'pki'))) {
      moveStateAside(dataDir, nowMs);
      renameSync(join(from, 'pki'), join(dataDir, 'pki'));
    }
    renameSync(nodeFilePath(from), nodeFilePath(dataDir));
    rmSync(from, { recursive: true, force: true });
    return true;
  } finally {
    unlock();
  }
}
