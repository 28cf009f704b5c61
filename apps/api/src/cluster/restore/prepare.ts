import { closeSync, fsyncSync, openSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { openStateStore } from '../../db/state-store';
import { hashFile } from '../../replication/snapshot';
import type { RestoreDirectory } from './directory';
import { runSqlInThread } from './sqlite-thread';
import { olderSchema, removeWal } from './state-file-check';

/** Makes a file or a directory's entries durable. */
export function sync(path: string): void {
  const file = openSync(path, 'r');
  fsyncSync(file);
  closeSync(file);
}

/**
 * Brings a checked file to this build's schema, in one piece and durable, and gives it the name of its hash.
 * @throws DomainError backup_schema_older
 */
export async function prepareStaged(
  path: string,
  directory: RestoreDirectory,
  migrationsDir: string,
): Promise<{ sha256: string; bytes: number }> {
  try {
    openStateStore({ path, migrationsDir, durability: 'FULL' }).close();
  } catch (error) {
    throw olderSchema(error instanceof Error ? error.message : String(error));
  }
  await runSqlInThread({ path, readonly: false, steps: [{ sql: 'PRAGMA journal_mode = DELETE' }] });
  removeWal(path);
  sync(path);
  const sha256 = await hashFile(path);
  const staged = directory.staged(sha256);
  renameSync(path, staged);
  sync(dirname(staged));
  return { sha256, bytes: statSync(staged).size };
}

export const discard = (path: string): void => {
  rmSync(path, { force: true });
  removeWal(path);
};
