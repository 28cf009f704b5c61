import { createReadStream, createWriteStream, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { DomainError } from '../commands/domain-error';
import type { StateStore } from '../db/state-store';
import type { LocalEvents } from '../events/local-events';
import { uuidv7 } from '../lib/ids';
import type { Logger } from '../lib/logger';
import type { Applier } from '../replication/applier';
import { createSnapshot, installSnapshot, snapshotManifestSchema, verifySnapshot } from '../replication/snapshot';
import type { PeerClient, PeerTarget } from './peer-client';

const MANIFEST_HEADER = 'x-quorate-snapshot';
export const SNAPSHOT_PATH = '/v1/cluster/snapshot';
/** Copies of the state in progress at once; each costs disk and a pass over the file. */
const MAX_SERVED = 2;
/** Bound on receiving one snapshot. */
const TRANSFER_MS = 10 * 60_000;

export const snapshotDirOf = (dataDir: string): string => join(dataDir, 'snapshots');

/** Removes what a process that was killed while it sent or received a snapshot has left. For use before either begins. */
export function removeUnfinishedSnapshots(dataDir: string): void {
  const directory = snapshotDirOf(dataDir);
  if (!existsSync(directory)) return;
  for (const file of readdirSync(directory)) {
    if (/^(sending|receiving|making)-/.test(file)) rmSync(join(directory, file), { force: true });
  }
}

/** Gives a consistent copy of the state to a peer; the copy is deleted when it is sent. */
export function createSnapshotServer(options: { dataDir: string; store: StateStore }): () => Promise<Response> {
  let serving = 0;
  return async () => {
    if (serving >= MAX_SERVED) throw new DomainError('overloaded', 'this node is sending snapshots already', [], 2);
    serving += 1;
    const directory = snapshotDirOf(options.dataDir);
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const path = join(directory, `sending-${uuidv7()}.db`);
    const cleanUp = (): void => {
      serving -= 1;
      rmSync(path, { force: true });
    };
    try {
      // The receiver checks what it got: a check here would only make it wait.
      const manifest = await createSnapshot(options.store, path, { verify: false });
      const stream = createReadStream(path);
      stream.once('close', cleanUp);
      return new Response(Readable.toWeb(stream) as ReadableStream, {
        headers: { 'content-type': 'application/vnd.sqlite3', [MANIFEST_HEADER]: JSON.stringify(manifest) },
      });
    } catch (error) {
      cleanUp();
      throw error;
    }
  };
}

/**
 * Fetches a peer's state, verifies it and puts it in place of ours, unless ours is as new (`replacing`: newer). Returns
 * whether it was installed.
 */
export async function fetchAndInstall(options: {
  peer: PeerTarget;
  client: PeerClient;
  dataDir: string;
  store: StateStore;
  applier: Applier;
  knownSchema: number;
  logger: Logger;
  signal: AbortSignal;
  replacing?: boolean;
  localEvents?: LocalEvents;
}): Promise<boolean> {
  const { peer, client, applier, logger } = options;
  const directory = snapshotDirOf(options.dataDir);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const path = join(directory, `receiving-${uuidv7()}.db`);
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(TRANSFER_MS)]);
  try {
    const response = await client.fetch(peer, SNAPSHOT_PATH, { signal });
    if (!response.ok || !response.body)
      throw new Error(`node ${peer.nodeId} answered ${response.status} for a snapshot`);
    const manifest = snapshotManifestSchema.parse(JSON.parse(response.headers.get(MANIFEST_HEADER) ?? 'null'));
    await pipeline(Readable.fromWeb(response.body as never), createWriteStream(path, { mode: 0o600 }));
    await verifySnapshot(path, manifest, options.knownSchema);
    const { epoch, index } = applier.position;
    const needed = options.replacing ? index : index + 1;
    if (manifest.epoch < epoch || (manifest.epoch === epoch && manifest.index < needed)) return false;
    installSnapshot(options.store, applier, path);
    logger.info(
      { from: peer.nodeId, epoch: manifest.epoch, index: manifest.index, bytes: manifest.bytes },
      'snapshot installed',
    );
    const what = options.replacing ? 'the state of this node was not to be trusted' : 'this node was behind the log';
    options.localEvents?.record(
      'snapshot.installed',
      `${what}: it took the state of node ${peer.nodeId} at index ${manifest.index} while it served`,
      { from: peer.nodeId, epoch: manifest.epoch, index: manifest.index, bytes: manifest.bytes, index_before: index },
    );
    return true;
  } finally {
    rmSync(path, { force: true });
  }
}
