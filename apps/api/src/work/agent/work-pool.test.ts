import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, expect, it } from 'vitest';
import { silentLogger } from '../../lib/logger';
import { until } from '../../testing/until';
import { createSpawner } from './spawner';
import { createWorkDirectories } from './work-directory';
import { createWorkPool } from './work-pool';

const logger = silentLogger();
const spawner = createSpawner({ leaseEndsAt: () => performance.now() + 3_600_000, user: undefined, logger });
afterAll(() => spawner.stop());
let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'quorate-pool-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));
const startPool = () =>
  createWorkPool({ root, user: undefined, works: createWorkDirectories({ spawner, user: undefined, logger }) });

it('hands on a directory that was left as it was found', async () => {
  const pool = startPool();
  const path = pool.take();
  expect(pool.take()).not.toBe(path);
  pool.release(path);
  await until(() => {
    const next = pool.take();
    if (next === path) return true;
    rmSync(next, { recursive: true });
    return false;
  }, 'it is taken again');
});

it.each([
  ['a file was left', (path: string) => writeFileSync(join(path, '.left'), '')],
  ['the permissions were changed', (path: string) => chmodSync(path, 0o755)],
])('removes a directory where %s', async (_, change) => {
  const pool = startPool();
  const path = pool.take();
  change(path);
  pool.release(path);
  await until(() => !existsSync(path), 'it is removed');
  expect(readdirSync(root)).toEqual([]);
});

it('removes a directory where something works on that got away from its program', async () => {
  const pool = startPool();
  const path = pool.take();
  const left = spawn('sleep', ['300'], { cwd: path, detached: true, stdio: 'ignore' });
  try {
    pool.release(path);
    await until(() => !existsSync(path), 'it is removed');
  } finally {
    left.kill('SIGKILL');
  }
});
