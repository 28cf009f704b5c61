import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { drizzle } from 'drizzle-orm/better-sqlite3';
import { isDamageCode } from '../cluster/damage/state';
import { type Member, members } from '../cluster/members/table';
import { codeOf, HostError } from './host-error';

/** The state file cannot be used by this build. The message names the cure. */
export class StateFileError extends HostError {
  override readonly name = 'StateFileError';
}

/** What a state file holds, read without changing or migrating it. */
export interface StateFileFacts {
  /** Number of migrations in it. */
  readonly schemaVersion: number;
  readonly epoch: number;
  readonly appliedIndex: number;
  readonly clusterId: string | undefined;
  /** Whether the first admin was created: before that, there is nothing in it that anybody could miss. */
  readonly isSetUp: boolean;
  /** Members that were not removed; empty when the file is of another schema. */
  readonly members: readonly Member[];
}

export const stateFilePath = (dataDir: string): string => join(dataDir, 'state.db');

/** How to get a state back: a member of a cluster has it from the others. */
export function stateCure(dataDir: string, clustered: boolean): string {
  const files = `${stateFilePath(dataDir)} (and the files beside it that end in -wal and -shm)`;
  return clustered
    ? `move ${files} aside and start again: the node fetches the state from another member`
    : `move ${files} aside and put a copy from a backup in place`;
}

function rowOf(db: Database.Database, table: string, sql: string): Record<string, unknown> | undefined {
  const exists = db.prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?").get(table);
  return exists ? (db.prepare(sql).get() as Record<string, unknown> | undefined) : undefined;
}

function membersIn(db: Database.Database): Member[] {
  try {
    const rows = drizzle({ client: db }).select().from(members).orderBy(members.id).all();
    return rows.filter((member) => member.state !== 'removed');
  } catch (error) {
    // An older or newer schema; who needs the members falls back on node.json.
    if (codeOf(error) === 'SQLITE_ERROR') return [];
    throw error;
  }
}

/**
 * Looks into `<dataDir>/state.db`; undefined when there is none. `thorough` walks the whole file (PRAGMA quick_check).
 *
 * @throws SqliteError when it is damaged; StateFileError when quick_check finds damage
 */
export function readStateFile(dataDir: string, options: { thorough: boolean }): StateFileFacts | undefined {
  const path = stateFilePath(dataDir);
  if (!existsSync(path)) return undefined;
  const db = new Database(path, { readonly: true, fileMustExist: true, timeout: 1_000 });
  try {
    if (options.thorough) {
      const finding: unknown = db.pragma('quick_check(1)', { simple: true });
      if (finding !== 'ok') throw new StateFileError(`${path} is damaged: ${String(finding)}`);
    }
    const migrations = rowOf(db, '__drizzle_migrations', 'SELECT count(*) AS n FROM __drizzle_migrations');
    const position = rowOf(db, 'system_state', 'SELECT epoch, applied_index FROM system_state WHERE id = 1');
    const cluster = rowOf(db, 'cluster_info', 'SELECT cluster_id, set_up_at FROM cluster_info');
    return {
      schemaVersion: Number(migrations?.['n'] ?? 0),
      epoch: Number(position?.['epoch'] ?? 0),
      appliedIndex: Number(position?.['applied_index'] ?? 0),
      clusterId: cluster ? String(cluster['cluster_id']) : undefined,
      isSetUp: (cluster?.['set_up_at'] ?? null) !== null,
      members: membersIn(db),
    };
  } finally {
    db.close();
  }
}

/** Number of migrations that this build knows. */
export const knownSchemaVersion = (migrationsDir: string): number =>
  readdirSync(migrationsDir).filter((file) => file.endsWith('.sql')).length;

/** A damaged file is dealt with under the directory's lock, where it may be replaced. */
function readUnlessDamaged(dataDir: string): StateFileFacts | undefined {
  try {
    return readStateFile(dataDir, { thorough: false });
  } catch (error) {
    if (isDamageCode(codeOf(error))) return undefined;
    throw error;
  }
}

/**
 * Refuses a state that a newer Quorate has migrated: this build would not know what it applies to.
 *
 * @throws StateFileError, SqliteError
 */
export function checkStateFile(dataDir: string, migrationsDir: string): void {
  const facts = readUnlessDamaged(dataDir);
  const known = knownSchemaVersion(migrationsDir);
  if (!facts || facts.schemaVersion <= known) return;
  throw new StateFileError(newerSchema(dataDir, facts.schemaVersion, known));
}

export const newerSchema = (dataDir: string, found: number, known: number): string =>
  `${stateFilePath(dataDir)} was written by a newer Quorate (schema ${found}, this build knows ${known}); ` +
  'run that version or a later one, or restore a backup of this version';
