import { join } from 'node:path';
import Database from 'better-sqlite3';
import { makeDirectory } from './directory';

export class DirectoryLocked extends Error {
  override readonly name = 'DirectoryLocked';
}

/**
 * Makes sure that one process uses a data directory. The lock is SQLite's own file lock, so the kernel drops it
 * with the process, however that ends. Returns the function that releases it.
 *
 * @throws DirectoryLocked
 */
export function lockDirectory(directory: string): () => void {
  makeDirectory(directory, 0o700);
  const file = new Database(join(directory, 'lock'), { timeout: 0 });
  try {
    file.pragma('locking_mode = EXCLUSIVE');
    file.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    file.close();
    if ((error as { code?: string }).code !== 'SQLITE_BUSY') throw error;
    throw new DirectoryLocked(
      `another quorated runs with the data directory ${directory}: stop it, or use another --data-dir`,
    );
  }
  return () => file.close();
}
