import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';
import { z } from 'zod';

/** What the thread found in a state file. */
const foundSchema = z.object({
  epoch: z.int(),
  index: z.int(),
  chain: z.string(),
  schema_version: z.int(),
  sha256: z.string(),
  bytes: z.int(),
  /** `ok`, or what SQLite's integrity check says; empty when it was not asked for. */
  integrity: z.string(),
});
export type FoundState = z.infer<typeof foundSchema>;

/** The thread could not do it: the file is no state, the disk is full, … `code` is SQLite's or the system's. */
export class SnapshotThreadError extends Error {
  override readonly name = 'SnapshotThreadError';
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

export interface SnapshotTask {
  /** State file to copy to `path` first; other connections may write to it meanwhile. */
  readonly source?: string;
  readonly path: string;
  /** Whether to read every page of `path` and check its structure. */
  readonly verify: boolean;
  /** What `path` must hash to, hex; nothing else is looked at before. */
  readonly sha256?: string;
}

/** Pages copied before the copy is synced: 2 MiB at a time, or one long fsync at the end holds up everybody on the disk. */
const PAGES_A_SYNC = 512;
const READ_BYTES = 1_048_576;

/**
 * Text rather than a file of its own, since the daemon is bundled into one. One read transaction spans the whole copy:
 * without it the backup begins anew at each write of another connection. The write-ahead log grows by what is written
 * meanwhile, so the thread checkpoints it too, rather than the next writer.
 */
const PROGRAM = `
const { parentPort, workerData: task } = require('node:worker_threads');
const fs = require('node:fs');
const { createHash } = require('node:crypto');
const Database = require(task.driver);

// Whoever waits for a write comes first. Linux takes the id of a thread here; elsewhere it may be refused.
try {
  require('node:os').setPriority(Number(fs.readlinkSync('/proc/thread-self').split('/').pop()), 10);
} catch {}

async function copy() {
  const source = new Database(task.source, { fileMustExist: true, timeout: 5000 });
  let file;
  try {
    source.exec('BEGIN');
    source.prepare('SELECT count(*) FROM sqlite_schema').get();
    const progress = () => {
      file ??= fs.openSync(task.path, 'r+');
      fs.fdatasyncSync(file);
      return task.pagesASync;
    };
    await source.backup(task.path, { progress });
    source.exec('COMMIT');
    source.pragma('wal_checkpoint(PASSIVE)');
  } finally {
    if (file !== undefined) fs.closeSync(file);
    source.close();
  }
}

function hashAndSync() {
  const hash = createHash('sha256');
  const file = fs.openSync(task.path, 'r');
  const part = Buffer.allocUnsafe(task.readBytes);
  for (let size = 1; size > 0; ) {
    size = fs.readSync(file, part, 0, part.length, null);
    hash.update(part.subarray(0, size));
  }
  fs.fsyncSync(file);
  fs.closeSync(file);
  return hash.digest('hex');
}

function describe() {
  const file = new Database(task.path, { readonly: true, fileMustExist: true });
  try {
    const row = file.prepare('SELECT epoch, applied_index, chain FROM system_state WHERE id = 1').get();
    if (!row) throw new Error('it holds no position');
    const { n } = file.prepare('SELECT count(*) AS n FROM __drizzle_migrations').get();
    const integrity = task.verify ? String(file.pragma('integrity_check(1)', { simple: true })) : '';
    return { epoch: row.epoch, index: row.applied_index, chain: row.chain.toString('hex'), schema_version: n, integrity };
  } finally {
    file.close();
    // A read-only connection makes these in WAL mode and can't remove them.
    for (const suffix of ['-wal', '-shm']) fs.rmSync(task.path + suffix, { force: true });
  }
}

async function run() {
  if (task.source) await copy();
  const sha256 = hashAndSync();
  if (task.sha256 && sha256 !== task.sha256) throw new Error('the file does not match its checksum');
  return { ...describe(), sha256, bytes: fs.statSync(task.path).size };
}
run().then(
  (found) => parentPort.postMessage({ found }),
  (error) => parentPort.postMessage({ code: String(error.code ?? ''), message: String(error.message ?? error) }),
);
`;

/**
 * Copies, hashes and checks a state file in a thread of its own, so that neither its reads nor its fsyncs hold up requests.
 * The file at `path` is durable when it resolves; nobody else may have it open.
 *
 * @throws SnapshotThreadError
 */
export function runSnapshotThread(task: SnapshotTask): Promise<FoundState> {
  const driver = createRequire(import.meta.url).resolve('better-sqlite3');
  const workerData = { ...task, driver, pagesASync: PAGES_A_SYNC, readBytes: READ_BYTES };
  return new Promise((resolve, reject) => {
    const worker = new Worker(PROGRAM, { eval: true, workerData });
    worker.once('message', (answer: { found?: unknown; code?: string; message?: string }) => {
      if (answer.found) resolve(foundSchema.parse(answer.found));
      else reject(new SnapshotThreadError(answer.code ?? '', answer.message ?? ''));
    });
    worker.once('error', reject);
    worker.once('exit', (status) => reject(new SnapshotThreadError('', `the thread ended with status ${status}`)));
  });
}
