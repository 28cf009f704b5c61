import { closeSync, copyFileSync, fsyncSync, openSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openStateStore } from '@quorate/api/src/db/state-store';
import { startDaemon } from '../daemon';
import { type Figure, note, secondsOf, Unmeasurable } from '../figure';
import { MIGRATIONS_DIR, withDirectory } from '../workload';

/** Of rows; the file is a fifth larger. */
const STATE_BYTES = 830_000_000;
const ROW_BYTES = 3_500;
const GIVE_UP_MS = 120_000;

/** What a backup brings back, in a table that nothing trims: the quickest way to a large file. */
function fill(path: string): void {
  const store = openStateStore({ path, migrationsDir: MIGRATIONS_DIR, durability: 'NORMAL' });
  const sql = store.db.$client;
  const insert = sql.prepare(
    "INSERT INTO api_tokens (id, name, role, hash, hint, created_by, created_at) VALUES (?, ?, 'viewer', ?, ?, '', 0)",
  );
  const value = 'x'.repeat(ROW_BYTES);
  sql.transaction(() => {
    for (let n = 0; n < STATE_BYTES / ROW_BYTES; n += 1) insert.run(`filler ${n}`, `filler ${n}`, `filler ${n}`, value);
  })();
  sql.pragma('wal_checkpoint(TRUNCATE)');
  store.close();
}

function plainCopy(from: string, to: string): void {
  rmSync(to, { force: true });
  copyFileSync(from, to);
  const file = openSync(to, 'r');
  fsyncSync(file);
  closeSync(file);
}

interface Api {
  call(method: string, path: string, body?: unknown): Promise<Record<string, unknown>>;
}

async function signIn(url: string): Promise<Api> {
  let token = '';
  const call: Api['call'] = async (method, path, body) => {
    const headers = { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) };
    const answer = await fetch(url + path, { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) });
    if (!answer.ok) throw new Unmeasurable(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as Record<string, unknown>;
  };
  const login = { username: 'bench', password: 'bench bench bench' };
  if ((await call('GET', '/v1/setup'))['needed'] !== false) {
    await call('POST', '/v1/setup', { cluster_name: 'bench', ...login });
  }
  token = String((await call('POST', '/v1/session', login))['token']);
  return { call };
}

async function until(ask: () => Promise<Record<string, unknown>>, what: string): Promise<Record<string, unknown>> {
  const giveUpAt = performance.now() + GIVE_UP_MS;
  for (;;) {
    const seen = await ask();
    if (['completed', 'succeeded'].includes(String(seen['state']))) return seen;
    if (seen['state'] === 'failed' || performance.now() > giveUpAt) {
      throw new Unmeasurable(`${what} did not end well: ${JSON.stringify(seen['error'])}`);
    }
    await sleep(20);
  }
}

interface Speeds {
  /** MB/s */
  readonly restored: number;
  readonly copied: number;
}

/** One restore gives two figures. */
let measured: Promise<Speeds> | undefined;
const speeds = (): Promise<Speeds> => {
  measured ??= withDirectory(measureSpeeds);
  return measured;
};

async function measureSpeeds(directory: string): Promise<Speeds> {
  const first = await startDaemon(directory);
  await signIn(first.url).finally(() => first.stop());
  fill(join(directory, 'state.db'));
  const daemon = await startDaemon(directory);
  try {
    const { call } = await signIn(daemon.url);
    const { id } = await call('POST', '/v1/backups', {});
    const backup = await until(() => call('GET', `/v1/backups/${id}`), 'the backup');
    const file = join(directory, 'backups', String(backup['file']));
    const copyS = await secondsOf(async () => plainCopy(file, join(directory, 'plain')));
    const restoreS = await secondsOf(async () => {
      await call('POST', `/v1/backups/${id}/restore`, {});
      const look = async () => (await call('GET', '/v1/cluster/restore'))['operation'] as Record<string, unknown>;
      await until(look, 'the restore');
    });
    const megabytes = statSync(file).size / 1e6;
    note(`  ${megabytes.toFixed(0)} MB: restored in ${restoreS.toFixed(2)} s, copied in ${copyS.toFixed(2)} s`);
    return { restored: megabytes / restoreS, copied: megabytes / copyS };
  } finally {
    await daemon.stop();
  }
}

const WHAT = 'one node restores a backup of itself of 1 GB: copies, checks, a safety copy, migration, switch';

export const restoreSpeed: Figure = {
  name: 'restore of 1 GB',
  unit: 'MB/s',
  bound: { at: 'least', value: 50 },
  why: `state a second; ${WHAT}`,
  measure: async () => (await speeds()).restored,
};

export const restoreByCopy: Figure = {
  name: 'restore by copies',
  unit: 'ratio',
  bound: { at: 'most', value: 30 },
  why: 'the same restore against one plain synced copy of the file',
  measure: async () => {
    const { restored, copied } = await speeds();
    return copied / restored;
  },
};
