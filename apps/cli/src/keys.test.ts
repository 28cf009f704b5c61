import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Keys } from '@quorate/shared/keys';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { ensureBuilt, type Outcome, run } from './testing/cli';
import { type Daemon, startDaemon } from './testing/daemon';

// Each step is a process of its own, and hashing a password is slow on purpose.
vi.setConfig({ testTimeout: 90_000 });

const PASSWORD = 'correct horse battery';
let node: Daemon;

beforeAll(async () => {
  await ensureBuilt(['cli', 'api']);
  node = await startDaemon();
  const setup = ['setup', '--server', node.url, '--cluster-name', 'Test', '--user', 'ada', '--password-file', '-'];
  await ok(setup, PASSWORD);
  await ok(['login', node.url, '--user', 'ada', '--password-file', '-'], PASSWORD);
}, 90_000);
afterAll(async () => {
  await node?.stop();
  if (node) rmSync(node.folder, { recursive: true, force: true });
});

const quorate = (args: string[], input = ''): Promise<Outcome> =>
  run(args, { env: { XDG_CONFIG_HOME: join(node.folder, 'config') }, input, cwd: '/' });
async function ok(args: string[], input = ''): Promise<Outcome> {
  const outcome = await quorate(args, input);
  expect(outcome.status, `quorate ${args.join(' ')}\n${outcome.stderr}`).toBe(0);
  return outcome;
}
const keys = async (): Promise<Keys> => JSON.parse((await ok(['cluster', 'keys', '-o', 'json'])).stdout);

it('shows certificates and keys', async () => {
  const { stdout } = await ok(['cluster', 'keys']);
  const shown = await keys();
  for (const text of ['quorate-node-1', 'ok', shown.certificates[0]?.fingerprint ?? '', 'signing', 'cluster key']) {
    expect(stdout).toContain(text);
  }
  expect((await ok(['cluster', 'keys', '-o', 'name'])).stdout).toMatch(/^quorate-ca-[\w-]+\nquorate-node-1\n$/);
});

it('rotates each of them, asking before what cannot be undone', async () => {
  const before = await keys();
  expect((await quorate(['cluster', 'keys', 'rotate', 'cluster-key'])).status).toBe(2);
  await ok(['cluster', 'keys', 'rotate', 'cluster-key', '--yes']);
  expect((await ok(['cluster', 'keys', 'rotate', 'session'])).stdout).toContain('retired');
  const rotated = await ok(['cluster', 'keys', 'rotate', 'ca', '--yes']);
  expect(rotated.stderr).toContain('every member');
  expect(rotated.stdout).toContain('succeeded, 100%');
  const after = await keys();
  expect(after.cluster_key.id).not.toBe(before.cluster_key.id);
  expect(after.certificates[0]?.fingerprint).not.toBe(before.certificates[0]?.fingerprint);
  expect(after.session_keys.map(({ state }) => state)).toEqual(['signing', 'retired']);
  expect((await quorate(['cluster', 'keys', 'rotate', 'session', '--end-sessions'])).status).toBe(2);
  await ok(['cluster', 'keys', 'rotate', 'session', '--end-sessions', '--yes']);
  expect((await quorate(['cluster', 'keys'])).status).toBe(3);
});
