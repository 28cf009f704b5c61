import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';
import { z } from 'zod';

const digestSchema = z.object({ epoch: z.int(), index: z.int(), schema: z.int(), digest: z.string().length(64) });
/** sha256 over every row of a state file at one position; comparable where epoch, index and schema are equal. */
export type StateDigest = z.infer<typeof digestSchema>;

export interface DigestThread {
  /**
   * Makes the thread see the state as it is at this moment, for good: what is written afterwards does not matter. Blocks
   * until it does, far below a millisecond. False when the thread was not ready.
   */
  pin(): boolean;
  readonly result: Promise<StateDigest>;
  /** Ends the thread; `result` then rejects. */
  abandon(): void;
}

const STARTING = 0;
const READY = 1;
const GO = 2;
const PINNED = 3;
/** A thread that nobody uses ends by itself. */
const IDLE_MS = 60_000;
const PIN_MS = 100;

/**
 * Text rather than a file of its own, since the daemon is bundled into one. The two threads meet at a word of shared
 * memory: that is the only way to make both see one index without keeping anybody from writing.
 */
const PROGRAM = `
const { parentPort, workerData: task } = require('node:worker_threads');
const { createHash } = require('node:crypto');
const Database = require(task.driver);
const word = new Int32Array(task.word);
const name = (text) => '"' + text.replaceAll('"', '""') + '"';

function digest(file) {
  const hash = createHash('sha256');
  const tables = file.prepare(
    "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE '\\\\_\\\\_drizzle%' ESCAPE '\\\\' " +
    "AND name NOT LIKE 'sqlite\\\\_%' ESCAPE '\\\\' ORDER BY name").pluck().all();
  for (const table of tables) {
    const all = file.prepare('SELECT name, pk FROM pragma_table_info(?) ORDER BY cid').all(table);
    const columns = all.filter((column) => !task.local.includes(table + '.' + column.name)).map((column) => name(column.name));
    const key = all.filter((column) => column.pk > 0).sort((a, b) => a.pk - b.pk).map((column) => name(column.name));
    const order = key.length > 0 ? key : columns;
    hash.update('table ' + table + '\\n');
    const rows = file.prepare('SELECT ' + columns + ' FROM ' + name(table) + ' ORDER BY ' + order).safeIntegers().raw();
    let text = '';
    for (const row of rows.iterate()) {
      for (const value of row) {
        text += typeof value === 'string' ? 's' + value.length + ':' + value
          : value === null ? 'n' : Buffer.isBuffer(value) ? 'b' + value.toString('hex') + ';' : String(value) + ';';
      }
      text += '\\n';
      if (text.length > 65536) { hash.update(text); text = ''; }
    }
    hash.update(text);
  }
  return hash.digest('hex');
}

const file = new Database(task.path, { fileMustExist: true, timeout: 5000 });
try {
  const begin = file.prepare('BEGIN');
  const look = file.prepare('SELECT epoch, applied_index FROM system_state WHERE id = 1');
  Atomics.store(word, 0, task.READY);
  Atomics.wait(word, 0, task.READY, task.idleMs);
  if (Atomics.load(word, 0) === task.GO) {
    begin.run();
    const { epoch, applied_index: index } = look.get();
    Atomics.store(word, 0, task.PINNED);
    Atomics.notify(word, 0);
    const schema = file.prepare('SELECT count(*) FROM __drizzle_migrations').pluck().get();
    const found = { epoch, index, schema, digest: digest(file) };
    file.exec('COMMIT');
    file.pragma('wal_checkpoint(PASSIVE)');
    parentPort.postMessage({ found });
  } else parentPort.postMessage({ message: 'it was not used in time' });
} catch (error) {
  parentPort.postMessage({ code: String(error.code ?? ''), message: String(error.message ?? error) });
} finally {
  file.close();
}
`;

/** The state could not be read; `code` is SQLite's. */
export class DigestError extends Error {
  override readonly name = 'DigestError';
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/** Belongs to one node's reader of the log; everything else in the file is replicated. */
const LOCAL_COLUMNS = ['system_state.cursor'];

/** Gets a thread ready to take the digest of the state file at `path`. */
export function startDigestThread(path: string): DigestThread {
  const driver = createRequire(import.meta.url).resolve('better-sqlite3');
  const shared = new SharedArrayBuffer(4);
  const word = new Int32Array(shared);
  const numbers = { READY, GO, PINNED, idleMs: IDLE_MS };
  const workerData = { path, driver, word: shared, local: LOCAL_COLUMNS, ...numbers };
  const worker = new Worker(PROGRAM, { eval: true, workerData });
  const result = new Promise<StateDigest>((resolve, reject) => {
    worker.once('message', (answer: { found?: unknown; code?: string; message?: string }) => {
      if (answer.found) resolve(digestSchema.parse(answer.found));
      else reject(new DigestError(answer.code ?? '', answer.message ?? ''));
    });
    worker.once('error', reject);
    worker.once('exit', () => reject(new DigestError('', 'the thread ended')));
  });
  // Whoever is interested hears of it by `result`.
  result.catch(() => {});
  return {
    result,
    pin() {
      if (Atomics.compareExchange(word, 0, READY, GO) !== READY) return false;
      Atomics.notify(word, 0);
      Atomics.wait(word, 0, GO, PIN_MS);
      return Atomics.load(word, 0) === PINNED;
    },
    abandon() {
      if (Atomics.compareExchange(word, 0, READY, STARTING) === READY) Atomics.notify(word, 0);
      void worker.terminate();
    },
  };
}
