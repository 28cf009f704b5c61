import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Hono } from 'hono';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { DomainError } from '../../commands/domain-error';
import { sha256Hex } from '../../lib/hash';
import { silentLogger } from '../../lib/logger';
import { LogUnavailable } from '../../replication/log';
import type { Proposer } from '../../replication/proposer';
import { until } from '../../testing/until';
import type { Journal } from '../journal';
import type { ClusterEnv } from '../listener';
import type { PeerClient } from '../peer-client';
import { openRestoreDirectory } from './directory';
import { createWriteHold } from './hold';
import { createStaging, type StageAnswer } from './staging';

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'quorate-staging-'));
});
afterEach(() => {
  vi.useRealTimers();
  rmSync(dataDir, { recursive: true, force: true });
});

const content = 'the file to restore';
const file = { sha256: sha256Hex(content), bytes: content.length };

function openStaging(fetch: () => Promise<Response>, inspect: (path: string) => void = () => {}) {
  const staging = createStaging({
    directory: openRestoreDirectory(dataDir),
    client: { fetch, forget: async () => {}, close: async () => {} } as unknown as PeerClient,
    addressOf: () => '127.0.0.1:7000',
    inspect,
    hold: { hold: async () => {}, release: () => {} },
    operation: () => null,
    logger: silentLogger(),
    signal: new AbortController().signal,
  });
  const app = new Hono<ClusterEnv>();
  app.use((c, next) => {
    c.set('peer', { nodeId: 1, keyPin: '', notBefore: 0, notAfter: 0 });
    return next();
  });
  staging.serve(app);
  const stage = async (): Promise<StageAnswer> => {
    const init = { method: 'POST', body: JSON.stringify(file), headers: { 'content-type': 'application/json' } };
    return (await (await app.request('/v1/cluster/restore/stage', init)).json()) as StageAnswer;
  };
  return { staging, stage };
}

it('takes no file that a newer build has prepared: in an upgrade the nodes would make different states of it', async () => {
  const { stage } = openStaging(
    async () => new Response(content),
    () => {
      throw new DomainError(
        'backup_schema_newer',
        'the file has schema 9, this version knows 8: upgrade the nodes first',
      );
    },
  );
  await until(async () => (await stage()).state === 'failed', 'it refuses the file');
  expect(existsSync(openRestoreDirectory(dataDir).staged(file.sha256))).toBe(false);
});

it('brings a file anew where an earlier restore has changed the one of that name', async () => {
  const staged = openRestoreDirectory(dataDir).staged(file.sha256);
  let fetched = 0;
  const { staging, stage } = openStaging(async () => {
    fetched += 1;
    return new Response(content);
  });
  const isStaged = () => until(async () => (await stage()).state === 'staged', 'it is staged');

  await isStaged();
  await isStaged();
  expect(fetched).toBe(1);
  // The switch begins: the file is merged with the present state. Then a peer's snapshot is installed instead.
  staging.forget();
  writeFileSync(staged, 'merged at another index');
  writeFileSync(`${staged}-journal`, 'of that');
  await isStaged();
  expect(readFileSync(staged, 'utf8')).toBe(content);
  expect(() => readFileSync(`${staged}-journal`)).toThrow('ENOENT');
  expect(fetched).toBe(2);
});

it('ends a hold of writes by itself, on a node that has no log yet, too', async () => {
  vi.useFakeTimers();
  const attached: unknown[] = [];
  let log: unknown;
  const journal = {
    get log() {
      if (log === undefined) throw new LogUnavailable('the log is not open yet');
      return log;
    },
  };
  const proposer = { pause: async () => {}, attach: (next: unknown) => attached.push(next) };
  const hold = createWriteHold({
    proposer: proposer as unknown as Proposer,
    journal: () => journal as unknown as Journal,
  });
  await hold.hold(1_000);
  vi.advanceTimersByTime(1_000);
  expect(attached).toEqual([]);
  log = 'a log';
  await hold.hold(1_000);
  vi.advanceTimersByTime(1_000);
  expect(attached).toEqual(['a log']);
});
