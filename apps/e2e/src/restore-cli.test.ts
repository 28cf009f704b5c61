import { copyFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { restoreRoutes } from '@quorate/shared/restore';
import { describe, expect, it } from 'vitest';
import { Cli } from './harness/cli';
import { ADMIN } from './harness/cluster';
import type { Daemon } from './harness/daemon';
import { listTokens } from './harness/load';
import { operationOf } from './harness/restore';
import { addNodes, note, useCluster } from './harness/suite';
import { until } from './harness/until';
import { sees, write } from './harness/writes';

describe('restoring one node from the command line', () => {
  const suite = useCluster(async (it) => {
    addNodes(it, 2);
    await it.cluster.found();
    await write(it.cluster.node(0).client(), 'kept');
    await it.cluster.node(0).stop();
    copyFileSync(join(it.cluster.node(0).dataDir, 'state.db'), file());
    await it.cluster.node(0).start();
  });
  const { cluster, workspace } = suite;
  const file = (): string => join(workspace.dir, 'backup.db');
  const node = (): Daemon => cluster.node(0);
  const cli = (): Cli => new Cli(workspace.dir);
  const socket = (at: Daemon): string => join(at.dataDir, 'agent.sock');
  const namesAt = async (at: Daemon): Promise<string[]> => (await listTokens(at.local(), 0)).map(({ name }) => name);

  it('uploads a file, shows the progress, and says where the safety copy is', async () => {
    const passwordFile = join(workspace.dir, 'password');
    writeFileSync(passwordFile, cluster.password, { mode: 0o600 });
    const login = await cli().run(['login', node().url, '--user', ADMIN, '--password-file', passwordFile]);
    expect(login.status, login.stderr).toBe(0);
    await write(node().client(), 'undone');
    const asked = await cli().run(['backup', 'restore', '--file', file()]);
    expect(asked, asked.stderr).toMatchObject({ status: 2, stderr: expect.stringContaining('--yes') });
    const done = await cli().run(['backup', 'restore', '--file', file(), '--yes', '-o', 'json']);
    expect(done.status, done.stderr).toBe(0);
    expect(done.stderr).toContain('checking the file');
    const operation = JSON.parse(done.stdout);
    expect(operation).toMatchObject({ state: 'succeeded', source: 'backup.db', error: null });
    expect(operation.safety_backup).toContain(node().dataDir);
    expect(await namesAt(node())).toEqual(['kept']);
    // The session of this very login went on.
    expect((await cli().run(['whoami'])).status).toBe(0);
  });

  it('ends with the status of the refusal', async () => {
    const short = join(workspace.dir, 'short.db');
    copyFileSync(file(), short);
    truncateSync(short, 30_000);
    const refused = await cli().run(['backup', 'restore', '--file', short, '--yes']);
    expect(refused).toMatchObject({ status: 2, stderr: expect.stringContaining('cut short') });
    const absent = await cli().run(['backup', 'restore', '--file', join(workspace.dir, 'absent.db'), '--yes']);
    expect(absent).toMatchObject({ status: 2, stderr: expect.stringContaining('absent.db') });
    const unknown = await cli().run(['backup', 'restore', 'b-unknown', '--yes']);
    expect(unknown.status, unknown.stderr).toBe(4);
    expect((await cli().run(['backup', 'restore', '--yes'])).status).toBe(2);
    const again = await cli().run(['--socket', socket(node()), 'agent', 'cluster', 'init-from-db', file()]);
    expect(again, again.stderr).toMatchObject({ status: 5 });
  });

  it('restores a file of the host over the agent socket', async () => {
    await write(node().client(), 'undone-too');
    const args = ['--socket', socket(node()), 'agent', 'cluster', 'restore-from-db', file(), '--yes'];
    const done = await cli().run(args);
    expect(done.status, done.stderr).toBe(0);
    expect(done.stdout).toContain('safety copy');
    expect(await namesAt(node())).toEqual(['kept']);
  });

  it('leaves the old or the new state when the node gets kill -9 at any moment of it', async () => {
    const seen = new Set<string>();
    // The last one is killed as soon as it says that it is done.
    for (const pauseMs of [0, 40, 80, 120, 160, 200, 260, 320, Number.POSITIVE_INFINITY]) {
      const name = `k${pauseMs}`;
      const written = await write(node().client(), name);
      const { epoch } = await cluster.view(node());
      await node()
        .local()
        .call(restoreRoutes.fromFile, { body: { path: file() } });
      const begun = performance.now();
      const operation = await until(
        'it is time',
        async () => {
          const now = await operationOf(node().local());
          return (now?.state !== 'running' || performance.now() - begun >= pauseMs) && now;
        },
        { everyMs: 1 },
      );
      await node().kill();
      await node().start();
      await node().waitReady();
      const now = await cluster.view(node());
      const isNew = now.epoch > epoch;
      seen.add(isNew ? 'new' : 'old');
      const names = await namesAt(node());
      expect(names.includes(name), `${operation.stage}: epoch ${epoch} → ${now.epoch}`).toBe(!isNew);
      expect(names).toContain('kept');
      if (!isNew) expect(await sees(node().client(), written)).toBe(true);
    }
    note(`kills left the ${[...seen].join(' and the ')} state`);
    expect(seen).toContain('new');
  });

  it('makes a cluster of a fresh node, which then runs on Raft', async () => {
    const fresh = cluster.node(1);
    await fresh.start();
    const made = await cli().run(['--socket', socket(fresh), 'agent', 'cluster', 'init-from-db', file(), '-o', 'json']);
    expect(made.status, made.stderr).toBe(0);
    expect(JSON.parse(made.stdout)).toMatchObject({ kind: 'init', state: 'succeeded' });
    expect(await namesAt(fresh)).toEqual(['kept']);
    await cluster.signIn(fresh);
    const grown = await cli().run(['--socket', socket(fresh), 'agent', 'cluster', 'init', '-o', 'json']);
    expect(grown.status, grown.stderr).toBe(0);
    expect(JSON.parse(grown.stdout)).toMatchObject({ mode: 'raft' });
    await until('it takes writes on Raft', async () =>
      sees(fresh.client(), await write(fresh.client(), `w${Date.now()}`)),
    );
    const wrong = await cli().run(['--socket', socket(fresh), 'agent', 'cluster', 'restore-from-db', file(), '--yes']);
    expect(wrong).toMatchObject({ status: 5, stderr: expect.stringContaining('init-from-db') });
  });
});
