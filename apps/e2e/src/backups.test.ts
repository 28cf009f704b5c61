import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Backup, backupRoutes } from '@quorate/shared/backups';
import type { Client } from '@quorate/shared/client';
import { eventRoutes } from '@quorate/shared/events';
import { restoreRoutes } from '@quorate/shared/restore';
import { describe, expect, it } from 'vitest';
import { Cli } from './harness/cli';
import { ADMIN } from './harness/cluster';
import type { Daemon } from './harness/daemon';
import { listTokens } from './harness/load';
import { operationEnd } from './harness/restore';
import { addNodes, note, useCluster } from './harness/suite';
import { until } from './harness/until';
import { refusalOf, write } from './harness/writes';

const ended = (client: Client, id: string): Promise<Backup> =>
  until(`backup ${id} has ended`, async () => {
    const backup = await client.call(backupRoutes.get, { params: { id } });
    return ['completed', 'failed'].includes(backup.state) && backup;
  });

/** Names of the files in the folder for backups, those in progress as well. */
function filesOf(node: Daemon): string[] {
  const folder = join(node.dataDir, 'backups');
  return existsSync(folder) ? readdirSync(folder) : [];
}

describe('backups of three nodes', () => {
  const suite = useCluster(async (it) => {
    addNodes(it, 3);
    await it.cluster.grow();
    await it.cluster.waitHealthy(3);
  });
  const { cluster, workspace } = suite;
  const client = (index: number): Client => cluster.node(index).client();
  const namesAt = async (node: Daemon): Promise<string[]> =>
    (await listTokens(node.client(), 0)).map(({ name }) => name);

  it('are made by the node that is named, and read and restored through any other', async () => {
    await write(client(0), 'kept');
    const maker = cluster.node(1);
    const nodeId = await cluster.idOf(maker);
    const started = await client(0).call(backupRoutes.create, { body: { node_id: nodeId } });
    const made = await ended(client(2), started.id);
    expect(made).toMatchObject({ state: 'completed', node_id: nodeId, error: null });
    expect(filesOf(maker)).toEqual([made.file]);
    for (const other of [0, 2]) expect(filesOf(cluster.node(other))).toEqual([]);

    const { fetch } = cluster.node(2).connection();
    const headers = { authorization: `Bearer ${cluster.token}` };
    const response = await fetch(`${cluster.node(2).url}/v1/backups/${made.id}/content`, { headers });
    const bytes = Buffer.from(await response.arrayBuffer());
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(made.sha256);

    await write(client(0), 'undone');
    const operation = await client(2).call(restoreRoutes.fromBackup, { params: { id: made.id }, body: {} });
    expect(await operationEnd(client(0), operation.id)).toMatchObject({ state: 'succeeded', error: null });
    for (const node of cluster.nodes)
      await until(`${node.name} has the restored state`, async () => (await namesAt(node)).join() === 'kept');
    // What a backup is and where it is does not go back with the state.
    expect((await client(0).call(backupRoutes.get, { params: { id: made.id } })).state).toBe('completed');

    await maker.stop();
    const refusal = await refusalOf(client(0).call(restoreRoutes.fromBackup, { params: { id: made.id }, body: {} }));
    expect(refusal).toMatchObject({ status: 409, code: 'backup_unavailable' });
    await cluster.restart(maker);
  });

  it('fail with the reason when their node gets kill -9, and leave nothing behind', async () => {
    // A passphrase makes it last: the key derivation alone takes a second.
    const passphrase = 'correct horse battery staple';
    await client(0).call(backupRoutes.setEncryption, { body: { mode: 'passphrase', passphrase } });
    const victim = cluster.node(2);
    const before = filesOf(victim);
    const { id } = await victim.client().call(backupRoutes.create, { body: {} });
    await until('it is under way', async () => {
      const { stage } = await victim.client().call(backupRoutes.get, { params: { id } });
      return stage === 'encrypting';
    });
    await victim.kill();
    expect((await client(0).call(backupRoutes.get, { params: { id } })).state).toBe('running');
    await cluster.restart(victim);
    const failed = await ended(client(0), id);
    expect(failed).toMatchObject({ state: 'failed', error: { code: 'interrupted' } });
    expect(filesOf(victim)).toEqual(before);
    const again = await ended(client(0), (await victim.client().call(backupRoutes.create, { body: {} })).id);
    expect(again).toMatchObject({ state: 'completed', encryption: 'passphrase' });
    await client(0).call(backupRoutes.setEncryption, { body: { mode: 'none' } });
  });

  it('are started once for each due time, whoever leads, and kept as many as wanted', async () => {
    const schedule = { enabled: true, cron: '* * * * * *', keep_count: 2 };
    await client(0).call(backupRoutes.setSchedule, { body: schedule });
    const all = new Map<string, Backup>();
    const collect = async (): Promise<number> => {
      const { items } = await client(0).call(backupRoutes.list, { query: { kind: 'scheduled', limit: 500 } });
      for (const one of items) all.set(one.id, one);
      return all.size;
    };
    for (const count of [2, 4, 6]) {
      await until(`${count} were started`, async () => (await collect()) >= count);
      await cluster.moveLeadership();
    }
    const leader = await cluster.leader();
    await leader.kill();
    const rest = cluster.running()[0] as Daemon;
    await until('the next leader goes on', async () => {
      const { items } = await rest.client().call(backupRoutes.list, { query: { kind: 'scheduled', limit: 500 } });
      for (const one of items) all.set(one.id, one);
      return all.size >= 9;
    });
    await rest.client().call(backupRoutes.setSchedule, { body: { ...schedule, enabled: false } });
    await cluster.restart(leader);
    const due = [...all.values()].map((one) => one.due_at);
    expect(new Set(due).size).toBe(due.length);
    note(`scheduled: ${due.length} runs on ${new Set([...all.values()].map((one) => one.node_id)).size} nodes`);
    const { items: started } = await rest
      .client()
      .call(eventRoutes.list, { query: { type: 'backup.missed', limit: 100 } });
    for (const { data } of started) expect(Number(data['missed'])).toBeGreaterThan(0);
    await until('the retention was applied', async () => {
      const { items } = await client(0).call(backupRoutes.list, { query: { kind: 'scheduled', limit: 500 } });
      return items.filter((one) => one.state !== 'failed').length === 2;
    });
  });

  it('are made, fetched, checked and restored from the command line', async () => {
    const cli = new Cli(workspace.dir);
    const run = async (...args: string[]) => {
      const done = await cli.run(args);
      expect(done.status, `${args.join(' ')}: ${done.stderr}`).toBe(0);
      return done.stdout;
    };
    const password = join(workspace.dir, 'password');
    writeFileSync(password, cluster.password, { mode: 0o600 });
    await run('login', cluster.node(0).url, '--user', ADMIN, '--password-file', password);
    const secret = join(workspace.dir, 'passphrase');
    writeFileSync(secret, 'a passphrase of twelve\n', { mode: 0o600 });
    await run('backup', 'encryption', 'passphrase', '--passphrase-file', secret);
    const made = JSON.parse(await run('backup', 'create', '--note', 'by hand', '-o', 'json')) as Backup;
    expect(made).toMatchObject({ state: 'completed', note: 'by hand', encryption: 'passphrase' });
    expect(await run('backup', 'list')).toContain(made.id);
    const file = join(workspace.dir, 'downloaded.age');
    await run('backup', 'download', made.id, '--out', file);
    expect(createHash('sha256').update(readFileSync(file)).digest('hex')).toBe(made.sha256);
    const locked = await cli.run(['backup', 'restore', made.id, '--yes']);
    expect(locked, locked.stderr).toMatchObject({ status: 2, stderr: expect.stringContaining('encrypted') });
    expect(await run('backup', 'restore', '--file', file, '--key-file', secret, '--yes')).toContain('restored');
    await run('backup', 'encryption', 'off', '--yes');
    const socket = join(cluster.node(0).dataDir, 'agent.sock');
    expect(await run('--socket', socket, 'agent', 'backup', '-o', 'name')).toMatch(/^[0-9a-f-]{36}\n$/);
    expect(await run('backup', 'schedule', 'set', '--cron', '0 4 * * *', '--keep', '7')).toContain('0 4 * * *');
    await run('backup', 'delete', made.id, '--yes');
  });
});
