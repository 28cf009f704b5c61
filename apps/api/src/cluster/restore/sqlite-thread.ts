import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';

export interface SqlStep {
  readonly sql: string;
  readonly params?: readonly (string | number | null)[];
}

/** A row of a step that reads. */
export type SqlRow = Record<string, unknown>;

/** SQLite's own code (`SQLITE_CORRUPT`) and message of a step that failed. */
export class SqlThreadError extends Error {
  override readonly name = 'SqlThreadError';
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/** Text rather than a file of its own, since the daemon is bundled into one. */
const PROGRAM = `
const { parentPort, workerData } = require('node:worker_threads');
const Database = require(workerData.driver);
let file;
try {
  file = new Database(workerData.path, { fileMustExist: true, readonly: workerData.readonly, timeout: 5000 });
  const rows = workerData.steps.map(({ sql, params = [] }) => {
    const statement = file.prepare(sql);
    return statement.reader ? statement.all(...params) : (statement.run(...params), []);
  });
  file.close();
  parentPort.postMessage({ rows });
} catch (error) {
  try { file?.close(); } catch {}
  parentPort.postMessage({ code: String(error.code ?? ''), message: String(error.message ?? error) });
}
`;

/**
 * Runs statements over a database file in a thread of its own, one after the other over one connection: checking or
 * copying gigabytes must not hold up requests. Gives the rows of each step.
 *
 * @throws SqlThreadError a step failed; an open transaction is then rolled back
 */
export function runSqlInThread(options: {
  path: string;
  readonly: boolean;
  steps: readonly SqlStep[];
}): Promise<SqlRow[][]> {
  const driver = createRequire(import.meta.url).resolve('better-sqlite3');
  return new Promise((resolve, reject) => {
    const worker = new Worker(PROGRAM, { eval: true, workerData: { ...options, driver } });
    worker.once('message', (answer: { rows?: SqlRow[][]; code?: string; message?: string }) => {
      if (answer.rows) resolve(answer.rows);
      else reject(new SqlThreadError(answer.code ?? '', answer.message ?? ''));
    });
    worker.once('error', reject);
    worker.once('exit', (status) => reject(new SqlThreadError('', `the thread ended with status ${status}`)));
  });
}
