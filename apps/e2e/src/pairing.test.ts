import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { auditRoutes } from '@quorate/shared/audit';
import { clusterRoutes, type Member } from '@quorate/shared/cluster';
import { HEADER } from '@quorate/shared/http-headers';
import { joinTokenRoutes } from '@quorate/shared/join-tokens';
import { joinRoutes } from '@quorate/shared/joins';
import { pairingRoutes } from '@quorate/shared/pairing';
import { setupRoutes } from '@quorate/shared/setup';
import { describe, expect, it } from 'vitest';
import { Cli } from './harness/cli';
import type { Daemon } from './harness/daemon';
import { addNodes, useCluster } from './harness/suite';
import { tapListener } from './harness/tapped-listener';
import { until } from './harness/until';
import { refusalOf, sees, write } from './harness/writes';

describe('a cluster adds a node that waits', () => {
  const suite = useCluster(async (it) => {
    addNodes(it, 3);
    await it.cluster.found();
  });
  const { cluster, workspace } = suite;
  const founder = (): Daemon => cluster.node(0);
  const add = (waiting: string, code: string) => ({
    body: { address: waiting, pairing_code: code },
  });
  const codeOf = async (node: Daemon): Promise<string> =>
    until(`${node.name} waits`, async () => (await node.local().call(pairingRoutes.code, {})).pairing_code);
  const refused = async (address: string, code: string): Promise<string> =>
    (await refusalOf(founder().client().call(pairingRoutes.add, add(address, code)))).code;
  const tokens = async () => (await founder().client().call(joinTokenRoutes.list, { query: {} })).items;

  it('refuses a wrong code and leaves both sides as they were', async () => {
    const waiting = cluster.node(1);
    await waiting.start();
    const code = await codeOf(waiting);
    expect(code).toMatch(/^([A-HJ-NP-Z2-9]{4}-){4}[A-HJ-NP-Z2-9]{4}$/);
    const wrong = code.startsWith('A') ? `B${code.slice(1)}` : `A${code.slice(1)}`;
    const { clusterAddress } = waiting;
    expect(await refused(clusterAddress, wrong)).toBe('pairing_code_invalid');
    expect(await refused(clusterAddress, 'short')).toBe('validation_failed');
    expect((await cluster.view()).mode).toBe('single');
    expect(await tokens()).toEqual([]);
    // Tries are counted: after ten of them, a minute's pause.
    const answers = new Set<string>();
    for (let tries = 0; tries < 11; tries++) answers.add(await refused(clusterAddress, wrong));
    expect([...answers]).toEqual(['pairing_code_invalid', 'too_many_requests']);
    await waiting.stop();
  });

  it('tells nothing to whoever stands in the middle', async () => {
    const waiting = cluster.node(1);
    await waiting.start();
    const code = await codeOf(waiting);
    const middle = workspace.loopback(91);
    const tap = await tapListener(workspace, waiting, middle, waiting);
    expect(await refused(`${middle}:7000`, code)).toBe('pairing_code_invalid');
    expect(tap.heard()).toContain('proof');
    expect(tap.heard()).not.toContain('qj_');
    expect(await tokens()).toEqual([]);
  });

  it('adds it by its code, while both run, and it becomes a voter', async () => {
    const waiting = cluster.node(1);
    const code = await codeOf(waiting);
    const { pid } = waiting;
    const request = {
      ...add(waiting.clusterAddress, code.toLowerCase()),
      headers: { [HEADER.idempotencyKey]: 'add-the-second' },
    };
    const added = await founder().client(60_000).call(pairingRoutes.add, request);
    expect(added).toMatchObject({ id: 2, name: waiting.name });
    await cluster.waitForVoter(waiting.name);
    await waiting.waitReady();
    expect(waiting.pid).toBe(pid);
    const written = await write(founder().client(), 'after-pairing');
    expect(await sees(waiting.client(), written)).toBe(true);
    expect(await tokens()).toMatchObject([{ status: 'used_up', uses: 1 }]);
    expect((await refusalOf(waiting.local().call(pairingRoutes.code, {}))).code).toBe('pairing_not_open');
    expect(await refused(waiting.clusterAddress, code)).toBe('pairing_not_open');
    // The same request once more, as after a lost answer: the same node, and no further token.
    expect(await founder().client().call(pairingRoutes.add, request)).toMatchObject({ id: 2, name: waiting.name });
    expect(await tokens()).toHaveLength(1);
  });

  it('is still that member after a restart with the configuration it waited with', async () => {
    const member = cluster.node(1);
    await member.killAll();
    await cluster.restart(member);
    expect((await cluster.view(member)).members).toHaveLength(2);
  });

  it('adds one from the agent socket with the client, audited as local', async () => {
    const waiting = cluster.node(2);
    await waiting.start();
    const configDir = join(workspace.dir, 'operator');
    mkdirSync(configDir);
    const cli = new Cli(configDir);
    const socketOf = (node: Daemon) => ['--socket', join(node.dataDir, 'agent.sock')];
    const shown = await until('the code is shown', async () => {
      const outcome = await cli.run([...socketOf(waiting), 'agent', 'pairing-code']);
      return outcome.status === 0 ? outcome : undefined;
    });
    const codeFile = join(workspace.dir, 'code');
    writeFileSync(codeFile, shown.stdout);
    const call = [...socketOf(founder()), '-o', 'json', 'agent', 'cluster', 'add'];
    const wrong = await cli.run([...call, waiting.clusterAddress, '--code-file', '-'], { input: 'A'.repeat(20) });
    expect(wrong.status).toBe(3);
    const nobody = await cli.run([...call, `${workspace.loopback(99)}:7000`, '--code-file', codeFile]);
    expect(nobody.status).toBe(5);
    const added = await cli.run([...call, waiting.clusterAddress, '--code-file', codeFile]);
    expect(added.stderr + added.stdout).toContain('node-3');
    expect(added.status).toBe(0);
    expect(JSON.parse(added.stdout)).toMatchObject({ id: 3, name: 'node-3' });
    // Killed before it has become what it was admitted as: the next start goes on.
    await waiting.killAll();
    await waiting.start();
    await cluster.waitForVoter(waiting.name);
    await waiting.waitReady();
    const { items } = await founder().client().call(auditRoutes.list, { query: {} });
    expect(items.find((entry) => entry.action === 'join_tokens.create')).toMatchObject({ actor_kind: 'local' });
    const joins = await founder().client().call(joinRoutes.list, { query: {} });
    expect(joins.items.map((one) => one.state)).toEqual(['done', 'done']);
  });

  it('does over the agent socket what REST does: the same JSON, the same exit codes, audited as local', async () => {
    const cli = new Cli(join(workspace.dir, 'operator'));
    const agent = (...args: string[]) =>
      cli.run(['--socket', join(founder().dataDir, 'agent.sock'), 'agent', ...args, '-o', 'json']);
    const json = async (...args: string[]): Promise<unknown> => {
      const outcome = await agent(...args);
      expect(outcome.status, outcome.stderr).toBe(0);
      return JSON.parse(outcome.stdout);
    };
    await cluster.waitHealthy(3);
    const stable = (members: readonly Member[]) =>
      members.map(({ id, name, suffrage, self }) => [id, name, suffrage, self]);
    const local = (await json('cluster', 'list')) as { items: Member[] };
    const remote = await founder().client().call(clusterRoutes.members, {});
    expect(stable(local.items)).toEqual(stable(remote.items));

    const from = (await cluster.view()).leader_id;
    const to = from === 2 ? 3 : 2;
    expect(await json('cluster', 'transfer-leadership', '--to', String(to))).toMatchObject({ from, to });
    expect((await agent('cluster', 'transfer-leadership', '--to', String(to))).status).toBe(5);
    expect((await agent('cluster', 'transfer-leadership', '--to', '9')).status).toBe(4);
    expect((await agent('cluster', 'remove', '9', '--yes')).status).toBe(4);
    expect((await agent('cluster', 'remove', '3')).status).toBe(2);
    expect(await json('cluster', 'remove', '3', '--dry-run')).toMatchObject({ dry_run: true, allowed: true });
    expect((await agent('setup-code')).status).toBe(5);
    expect((await agent('cluster', 'init')).status).toBe(0);
    expect(await json('cluster', 'remove', '3', '--yes')).toMatchObject({ dry_run: false, allowed: true });
    expect((await cluster.view()).members).toHaveLength(2);
    await cluster.node(2).stop();
    const { items } = await founder()
      .client()
      .call(auditRoutes.list, { query: { action: 'members.remove' } });
    expect(items[0]).toMatchObject({ actor_kind: 'local', outcome: 'ok', target: '3' });
  });

  it('does not take a node away that was set up', async () => {
    addNodes(suite, 1);
    const own = cluster.node(3);
    await own.start();
    const code = await codeOf(own);
    const { setup_code } = await own.local().call(setupRoutes.code, {});
    const body = { cluster_name: 'own', username: 'own', password: cluster.password, setup_code };
    await own.client().call(setupRoutes.create, { body });
    expect(['pairing_not_open', 'node_unreachable']).toContain(await refused(own.clusterAddress, code));
    expect((await own.local().call(setupRoutes.get, {})).cluster_name).toBe('own');
  });
});
