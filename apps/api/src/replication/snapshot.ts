import { createHash } from 'node:crypto';
import { closeSync, createReadStream, existsSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import type { StateStore } from '../db/state-store';
import type { Applier } from './applier';
import { runSnapshotThread, SnapshotThreadError } from './snapshot-thread';

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

/**
 * Copies the state file to `path` as one consistent point while writers go on. The copy is made, hashed and (by default)
 * checked in a thread; it is durable when this resolves. The manifest is read from the copy itself.
 *
 * @throws SnapshotInvalid the copy is damaged, so the state file is; SnapshotThreadError it could not be made
 */
export async function createSnapshot(
  store: StateStore,
  path: string,
  { verify = true }: { verify?: boolean } = {},
): Promise<SnapshotManifest> {
  discardFile(path);
  const release = store.holdCheckpoints();
  try {
    const { integrity, ...manifest } = await runSnapshotThread({ source: store.path, path, verify });
    if (verify && integrity !== 'ok') throw new SnapshotInvalid(`integrity check: ${integrity}`);
    return manifest;
  } catch (error) {
    discardFile(path);
    throw error;
  } finally {
    release();
  }
}

function syncFile(path: string): void {
  const fd = openSync(path, 'r');
  fsyncSync(fd);
  closeSync(fd);
}

function removeWal(path: string): void {
  for (const suffix of ['-wal', '-shm']) rmSync(path + suffix, { force: true });
}

function discardFile(path: string): void {
  rmSync(path, { force: true });
  removeWal(path);
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
  const found = await runSnapshotThread({ path, verify: true, sha256: manifest.sha256 }).catch((error: unknown) => {
    throw error instanceof SnapshotThreadError ? new SnapshotInvalid(`it cannot be used: ${error.message}`) : error;
  });
  if (found.epoch !== manifest.epoch || found.index !== manifest.index || found.chain !== manifest.chain) {
    throw new SnapshotInvalid('the file is of another position than its manifest says');
  }
  if (found.integrity !== 'ok') throw new SnapshotInvalid(`integrity check: ${found.integrity}`);
}

/** Puts a verified file in place of the state, atomically, under running readers; the applier goes on from it. */
export function installSnapshot(store: StateStore, applier: Applier, path: string): void {
  store.replace(() => {
    if (!existsSync(path)) throw new SnapshotInvalid(`there is no snapshot at ${path}`);
    // On disk before it has the name of the state, or a power cut could leave neither. The check has synced it already,
    // off this thread.
    syncFile(path);
    removeWal(store.path);
    renameSync(path, store.path);
    const directory = openSync(dirname(store.path), 'r');
    fsyncSync(directory);
    closeSync(directory);
  });
  applier.reload();
}
