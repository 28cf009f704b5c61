import { createHash } from 'node:crypto';
import { closeSync, createReadStream, existsSync, fsyncSync, openSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import { z } from 'zod';
import type { StateStore } from '../db/state-store';
import type { Applier } from './applier';

/** Says what a snapshot file contains; travels beside the file and is checked before anything is replaced. */
export const snapshotManifestSchema = z.object({
  epoch: z.int().min(1),
  index: z.int().min(0),
  /** Hash chain at `index`, hex. */
  chain: z.string().length(64),
  sha256: z.string().length(64),
  bytes: z.int().min(1),
  /** Number of migrations in the file; a node never installs a file from a newer schema. */
  schema_version: z.int().min(1),
});
export type SnapshotManifest = z.infer<typeof snapshotManifestSchema>;

export class SnapshotInvalid extends Error {
  override readonly name = 'SnapshotInvalid';
}

/** Pages copied between two turns of the event loop: 256 × 4 KiB stays under a few milliseconds. */
const BACKUP_PAGES = 256;

/**
 * Copies the state file to `path` by SQLite's online backup: writers go on, the copy is one consistent point.
 * The manifest is read from the copy itself.
 */
export async function createSnapshot(store: StateStore, path: string): Promise<SnapshotManifest> {
  rmSync(path, { force: true });
  await store.db.$client.backup(path, { progress: () => BACKUP_PAGES });
  syncFile(path);
  return { ...describe(path), sha256: await hashFile(path), bytes: statSync(path).size };
}

function syncFile(path: string): void {
  const fd = openSync(path, 'r+');
  fsyncSync(fd);
  closeSync(fd);
}

/** Reads position and schema of a state file without migrating it. @throws SnapshotInvalid */
function describe(path: string): Pick<SnapshotManifest, 'epoch' | 'index' | 'chain' | 'schema_version'> {
  return inspect(path, (file) => {
    const state = file.prepare('SELECT epoch, applied_index, chain FROM system_state WHERE id = 1').get();
    const { n } = file.prepare('SELECT count(*) AS n FROM __drizzle_migrations').get() as { n: number };
    const row = z.object({ epoch: z.int(), applied_index: z.int(), chain: z.instanceof(Buffer) }).parse(state);
    return { epoch: row.epoch, index: row.applied_index, chain: row.chain.toString('hex'), schema_version: n };
  });
}

/** Looks into a file that nobody else has open. @throws SnapshotInvalid when it can't be read as Quorate's state */
function inspect<T>(path: string, look: (file: Database.Database) => T): T {
  let file: Database.Database | undefined;
  try {
    file = new Database(path, { readonly: true, fileMustExist: true });
    return look(file);
  } catch (error) {
    if (error instanceof SnapshotInvalid) throw error;
    throw new SnapshotInvalid(
      `the file is no Quorate state: ${error instanceof Error ? error.message : String(error)}`,
    );
  } finally {
    file?.close();
    // A read-only connection makes these in WAL mode and can't remove them.
    removeWal(path);
  }
}

function removeWal(path: string): void {
  for (const suffix of ['-wal', '-shm']) rmSync(path + suffix, { force: true });
}

export async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** Checks a received file against its manifest, and itself. @throws SnapshotInvalid */
export async function verifySnapshot(path: string, manifest: SnapshotManifest, knownSchema: number): Promise<void> {
  if (manifest.schema_version > knownSchema) {
    throw new SnapshotInvalid(
      `the snapshot has schema ${manifest.schema_version}, this version knows ${knownSchema}: upgrade this node first`,
    );
  }
  const sha256 = await hashFile(path);
  if (sha256 !== manifest.sha256) throw new SnapshotInvalid('the file does not match its checksum');
  const found = describe(path);
  if (found.epoch !== manifest.epoch || found.index !== manifest.index || found.chain !== manifest.chain) {
    throw new SnapshotInvalid('the file is of another position than its manifest says');
  }
  const verdict = inspect(path, (file) => file.pragma('integrity_check', { simple: true }));
  if (verdict !== 'ok') throw new SnapshotInvalid(`integrity check: ${String(verdict)}`);
}

/** Puts a verified file in place of the state, atomically, under running readers; the applier goes on from it. */
export function installSnapshot(store: StateStore, applier: Applier, path: string): void {
  store.replace(() => {
    if (!existsSync(path)) throw new SnapshotInvalid(`there is no snapshot at ${path}`);
    // On disk before it has the name of the state, or a power cut could leave neither.
    syncFile(path);
    removeWal(store.path);
    renameSync(path, store.path);
    const directory = openSync(dirname(store.path), 'r');
    fsyncSync(directory);
    closeSync(directory);
  });
  applier.reload();
}
