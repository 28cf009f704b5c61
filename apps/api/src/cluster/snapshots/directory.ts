import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { type SnapshotManifest, snapshotManifestSchema } from '../../replication/snapshot';
import { writeFileAtomic } from '../pki/atomic-file';

/** A snapshot whose manifest is on disk: it was verified when it was made. */
export interface KeptSnapshot extends SnapshotManifest {
  /** ms since 1970. */
  readonly createdAt: number;
  readonly path: string;
}

const storedSchema = snapshotManifestSchema.extend({ created_at: z.int() });
const NAME = /^state-\d+-\d+\.db$/;
const manifestPath = (path: string): string => `${path}.json`;

export const snapshotPath = (directory: string, { epoch, index }: { epoch: number; index: number }): string =>
  join(directory, `state-${epoch}-${index}.db`);

/** Writes the manifest: from then on the snapshot counts. */
export function storeManifest(snapshot: KeptSnapshot): KeptSnapshot {
  const { path, createdAt, ...manifest } = snapshot;
  writeFileAtomic(manifestPath(path), `${JSON.stringify({ ...manifest, created_at: createdAt })}\n`);
  return snapshot;
}

export function removeSnapshot({ path }: KeptSnapshot): void {
  rmSync(manifestPath(path), { force: true });
  rmSync(path, { force: true });
}

function read(path: string): KeptSnapshot | undefined {
  try {
    const { created_at: createdAt, ...manifest } = storedSchema.parse(
      JSON.parse(readFileSync(manifestPath(path), 'utf8')),
    );
    return statSync(path).size === manifest.bytes ? { ...manifest, createdAt, path } : undefined;
  } catch {
    return undefined;
  }
}

/** What earlier processes have left, newest first. A file without its manifest was never finished and is removed. */
export function listSnapshots(directory: string): KeptSnapshot[] {
  if (!existsSync(directory)) return [];
  const found: KeptSnapshot[] = [];
  for (const name of readdirSync(directory)) {
    if (!NAME.test(name)) continue;
    const path = join(directory, name);
    const snapshot = read(path);
    if (snapshot) found.push(snapshot);
    else rmSync(path, { force: true });
  }
  return found.sort((a, b) => b.epoch - a.epoch || b.index - a.index);
}
