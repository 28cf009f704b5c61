import { closeSync, existsSync, openSync, readSync, rmSync, statSync } from 'node:fs';
import Database from 'better-sqlite3';
import { readMigrationFiles } from 'drizzle-orm/migrator';
import { z } from 'zod';
import { DomainError } from '../../commands/domain-error';
import { runSqlInThread, SqlThreadError } from './sqlite-thread';

/** What a state file says of itself. */
export interface StateFileFacts {
  readonly epoch: number;
  readonly index: number;
  /** Time of the last command in it, ms. */
  readonly lastAt: number;
  readonly clusterId: string;
  readonly clusterName: string;
  /** Number of migrations in it. */
  readonly schemaVersion: number;
  readonly bytes: number;
}

const HEADER_BYTES = 100;
const SQLITE_MAGIC = 'SQLite format 3\0';

/** A WAL that a copied file brought along, or that opening it has made. */
export function removeWal(path: string): void {
  for (const suffix of ['-wal', '-shm']) rmSync(path + suffix, { force: true });
}

/**
 * Looks at a file without changing it: is it a state that this build can take over? Cheap; {@link checkIntegrity} reads
 * the whole of it.
 *
 * @throws DomainError backup_not_a_state, backup_encrypted, backup_damaged, backup_schema_older, backup_schema_newer
 */
export function inspectStateFile(path: string, migrationsDir: string): StateFileFacts {
  checkHeader(path);
  return withFile(path, (file) => {
    requireTables(file);
    const schemaVersion = checkSchema(file, migrationsDir);
    const state = file.prepare('SELECT epoch, applied_index, last_at FROM system_state WHERE id = 1').get();
    const info = file.prepare('SELECT cluster_id, name FROM cluster_info').get();
    if (!state || !info) throw notAState('it was never part of a cluster');
    const position = z.object({ epoch: z.int(), applied_index: z.int(), last_at: z.int() }).parse(state);
    const cluster = z.object({ cluster_id: z.string(), name: z.string() }).parse(info);
    requireAdmin(file);
    return {
      epoch: position.epoch,
      index: position.applied_index,
      lastAt: position.last_at,
      clusterId: cluster.cluster_id,
      clusterName: cluster.name,
      schemaVersion,
      bytes: statSync(path).size,
    };
  });
}

const notAState = (why: string): DomainError =>
  new DomainError('backup_not_a_state', `the file is no state of Quorate: ${why}; give a backup or a state.db`);

function checkHeader(path: string): void {
  const header = Buffer.alloc(HEADER_BYTES);
  const file = openSync(path, 'r');
  const size = readSync(file, header, 0, HEADER_BYTES, 0);
  closeSync(file);
  if (size === 0) throw notAState('it is empty');
  const start = header.toString('latin1', 0, 32);
  if (start.startsWith('age-encryption.org/') || start.startsWith('-----BEGIN AGE')) {
    const cure = 'decrypt it first (age --decrypt), or restore it as a backup of this cluster with its key';
    throw new DomainError('backup_encrypted', `the file is encrypted; ${cure}`);
  }
  if (start.startsWith('\x1f\x8b') || start.startsWith('\x28\xb5\x2f\xfd')) throw notAState('it is compressed');
  if (!start.startsWith(SQLITE_MAGIC)) throw notAState('it is no SQLite database');
  checkLength(path, header, size);
}

/** The header counts the pages: a copy that was cut short is told without reading it. */
function checkLength(path: string, header: Buffer, size: number): void {
  const damaged = (detail: string): DomainError =>
    new DomainError('backup_damaged', `the file is cut short: ${detail}; copy it again, or take another backup`);
  if (size < HEADER_BYTES) throw damaged(`it has ${size} bytes`);
  const stored = header.readUInt16BE(16);
  const pages = header.readUInt32BE(28);
  const expected = (stored === 1 ? 65_536 : stored) * pages;
  const { size: actual } = statSync(path);
  // A file that was copied with its WAL may hold its newest pages there.
  if (actual < expected && !existsSync(`${path}-wal`)) {
    throw damaged(`it has ${actual} bytes, its header says ${expected}`);
  }
}

function withFile<T>(path: string, look: (file: Database.Database) => T): T {
  let file: Database.Database | undefined;
  const hadWal = existsSync(`${path}-wal`);
  try {
    file = new Database(path, { readonly: true, fileMustExist: true });
    return look(file);
  } catch (error) {
    if (error instanceof DomainError) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new DomainError('backup_damaged', `the file cannot be read: ${why}; copy it again, or take another backup`);
  } finally {
    file?.close();
    if (!hadWal) removeWal(path);
  }
}

function requireTables(file: Database.Database): void {
  const known = file
    .prepare<[], { name: string }>("SELECT name FROM sqlite_schema WHERE type = 'table'")
    .all()
    .map((row) => row.name);
  const missing = ['system_state', 'cluster_info', 'members', 'users', '__drizzle_migrations'].find(
    (table) => !known.includes(table),
  );
  if (missing) throw notAState(`it has no table ${missing}`);
}

/** The migrations in the file must be the first of ours: only then do the rest lead to our schema. */
function checkSchema(file: Database.Database, migrationsDir: string): number {
  const rows = file
    .prepare<[], { hash: string }>('SELECT hash FROM __drizzle_migrations ORDER BY created_at, id')
    .all();
  const known = readMigrationFiles({ migrationsFolder: migrationsDir }).map((migration) => migration.hash);
  if (rows.length > known.length) {
    throw new DomainError(
      'backup_schema_newer',
      `the file has schema ${rows.length}, this version knows ${known.length}: upgrade the nodes first`,
    );
  }
  const foreign = rows.findIndex((row, index) => row.hash !== known[index]);
  if (foreign >= 0 || rows.length === 0) throw olderSchema(`its migration ${Math.max(foreign, 0) + 1} is not known`);
  return rows.length;
}

export const olderSchema = (why: string): DomainError =>
  new DomainError(
    'backup_schema_older',
    `the file is of a version that this one cannot migrate: ${why}; restore it with that version, then upgrade`,
  );

function requireAdmin(file: Database.Database): void {
  const row = file.prepare("SELECT count(*) AS n FROM users WHERE role = 'admin'").get() as { n: number };
  if (row.n > 0) return;
  const detail = 'the file holds no admin, so nobody could sign in; take a backup from after the setup';
  throw new DomainError('backup_without_admin', detail);
}

/** Reads the whole file, in a thread of its own. @throws DomainError backup_damaged */
export async function checkIntegrity(path: string): Promise<void> {
  const damaged = (why: string): DomainError =>
    new DomainError('backup_damaged', `the file is damaged (${why}); copy it again, or take another backup`);
  const steps = [{ sql: 'PRAGMA integrity_check(1)' }, { sql: 'PRAGMA foreign_key_check' }];
  const [integrity, orphans] = await runSqlInThread({ path, readonly: true, steps }).catch((error: unknown) => {
    if (error instanceof SqlThreadError) throw damaged(error.message);
    throw error;
  });
  const verdict = String(integrity?.[0]?.['integrity_check']);
  if (verdict !== 'ok') throw damaged(verdict);
  if (orphans && orphans.length > 0) throw damaged(`a row of ${String(orphans[0]?.['table'])} points at nothing`);
}
