import { createWriteStream } from 'node:fs';
import { dirname } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { LOCAL_TARGET } from '@quorate/shared/backups';
import type { Hono } from 'hono';
import { z } from 'zod';
import { DomainError } from '../../commands/domain-error';
import type { StateDb } from '../../db/state-store';
import type { ClusterEnv } from '../listener';
import { liveMembers } from '../members/admission';
import type { PeerClient } from '../peer-client';
import { requireDiskSpace } from '../restore/disk-space';
import type { LocalStorage } from './local-storage';
import { type BackupRow, findBackup, findTarget, type TargetRow } from './queries';
import { createS3Storage } from './s3-storage';
import type { Storage, StoredFile } from './storage';

export const PEER_PATH = '/v1/cluster/backups';
/** Bound on reading one file from wherever it is. */
const TRANSFER_MS = 6 * 60 * 60_000;
const HEAD_MS = 30_000;

/** The name that the encryption of a target's secret is bound to. */
export const targetSecretName = (id: string): string => `backup-target:${id}`;

export interface FilesDeps {
  readonly nodeId: number;
  readonly db: () => StateDb;
  readonly local: LocalStorage;
  /** Where this node keeps copies from before a restore. */
  readonly safety: LocalStorage;
  readonly client: PeerClient;
  /** @throws SecretError */
  readonly unseal: (name: string, jwe: string) => Promise<string>;
  readonly signal: AbortSignal;
}

/** The files of backups, wherever they are: on this disk, on another node's, or in a bucket. */
export interface BackupFiles {
  /** Runs `use` with the storage of a target as seen from this node. @throws DomainError not_found, backup_unavailable */
  withStorage<T>(target: string, use: (storage: Storage) => Promise<T>): Promise<T>;
  /** Streams a file. @throws DomainError backup_unavailable, conflict while there is none */
  read(row: BackupRow): Promise<StoredFile>;
  /** The first bytes of a file. @throws DomainError like `read` */
  head(row: BackupRow, bytes: number): Promise<Uint8Array>;
  /** Copies a file to this disk. @throws DomainError like `read`, disk_space */
  fetch(row: BackupRow, to: string): Promise<void>;
  /** Adds the path by which peers read files from this disk. */
  serve(app: Hono<ClusterEnv>): void;
}

export function createBackupFiles(deps: FilesDeps): BackupFiles {
  const { nodeId, db, local } = deps;

  const diskOf = (row: BackupRow): LocalStorage => (row.kind === 'safety' ? deps.safety : local);

  async function openS3(row: TargetRow) {
    const secretAccessKey = await deps.unseal(targetSecretName(row.id), row.secretJwe);
    return createS3Storage({ ...row, secretAccessKey });
  }

  async function readFromPeer(row: BackupRow): Promise<StoredFile> {
    const member = liveMembers(db()).find(({ id }) => id === row.nodeId);
    const where = `the file is on the disk of node ${row.nodeId}`;
    if (!member) throw new DomainError('backup_unavailable', `${where}, which was removed from the cluster`);
    const target = { nodeId: member.id, address: member.clusterAddress };
    const signal = AbortSignal.any([deps.signal, AbortSignal.timeout(TRANSFER_MS)]);
    const response = await deps.client.fetch(target, `${PEER_PATH}/${row.id}`, { signal }).catch((error: unknown) => {
      const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
      const detail = `${where} (${member.name}), which does not answer (${cause}); try again when it is back`;
      throw new DomainError('backup_unavailable', detail);
    });
    if (response.ok && response.body) {
      return { stream: response.body as never, bytes: Number(response.headers.get('content-length')) };
    }
    const problem = z.object({ detail: z.string() }).safeParse(await response.json().catch(() => null));
    const why = problem.data?.detail ?? `it answered ${response.status}`;
    throw new DomainError('backup_unavailable', `${where} (${member.name}): ${why}`);
  }

  async function read(row: BackupRow): Promise<StoredFile> {
    if (row.state !== 'completed') {
      throw new DomainError(
        'conflict',
        row.state === 'failed'
          ? `the backup failed, so it has no file: ${row.errorDetail ?? 'take another one'}`
          : `the backup is ${row.state}: it has no file yet, or none any more`,
      );
    }
    if (row.target === LOCAL_TARGET) {
      // A folder on a network may be that of several nodes.
      const here = row.nodeId === nodeId || (row.kind !== 'safety' && local.has(row.file));
      return here ? diskOf(row).get(row.file) : readFromPeer(row);
    }
    const storage = await openS3(findTarget(db(), row.target));
    try {
      const file = await storage.get(row.file);
      // The connection belongs to the stream from here on.
      return { ...file, stream: closingAfter(file.stream, () => storage.close()) };
    } catch (error) {
      await storage.close();
      throw error;
    }
  }

  return {
    read,
    async withStorage(target, use) {
      if (target === LOCAL_TARGET) return use(local);
      const storage = await openS3(findTarget(db(), target));
      try {
        return await use(storage);
      } finally {
        await storage.close();
      }
    },
    async head(row, bytes) {
      const { stream } = await read(row);
      const reader = stream.getReader();
      const chunks: Uint8Array[] = [];
      const deadline = AbortSignal.timeout(HEAD_MS);
      deadline.addEventListener('abort', () => void reader.cancel().catch(() => {}));
      for (let size = 0; size < bytes; ) {
        const { done, value } = await reader.read();
        if (done) break;
        chunks.push(value);
        size += value.byteLength;
      }
      await reader.cancel().catch(() => {});
      return Buffer.concat(chunks).subarray(0, bytes);
    },
    async fetch(row, to) {
      const { stream, bytes } = await read(row);
      try {
        requireDiskSpace(dirname(to), bytes, 'the file of the backup');
      } catch (error) {
        await stream.cancel().catch(() => {});
        throw error;
      }
      const sink = createWriteStream(to, { mode: 0o600 });
      await pipeline(Readable.fromWeb(stream as never), sink, { signal: deps.signal }).catch((error: unknown) => {
        const why = error instanceof Error ? error.message : String(error);
        throw new DomainError('backup_unavailable', `the file of the backup stopped coming: ${why}; try again`);
      });
    },
    serve(app) {
      app.get(`${PEER_PATH}/:id`, async (c) => {
        const row = findBackup(db(), z.uuid().parse(c.req.param('id')));
        if (row.target !== LOCAL_TARGET) throw new DomainError('not_found', 'this backup is not on a disk');
        const { stream, bytes } = await diskOf(row).get(row.file);
        return new Response(stream, {
          headers: { 'content-type': 'application/octet-stream', 'content-length': String(bytes) },
        });
      });
    },
  };
}

/** Passes a stream on and closes what it came from when it has ended, was cancelled or failed. */
function closingAfter(stream: ReadableStream<Uint8Array>, close: () => Promise<void>): ReadableStream<Uint8Array> {
  const reader = stream.getReader();
  return new ReadableStream({
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (!done) return controller.enqueue(value);
        controller.close();
      } catch (error) {
        controller.error(error);
      }
      await close();
    },
    async cancel(reason) {
      await reader.cancel(reason).catch(() => {});
      await close();
    },
  });
}
