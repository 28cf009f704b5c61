import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { clusterRoutes } from '@quorate/shared/cluster';
import { joinTokenRoutes } from '@quorate/shared/join-tokens';
import { setupRoutes } from '@quorate/shared/setup';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type AgentClient, openAgent } from './agent-client';
import { addressArgs, createTestHost, mint, type Running, snapshotOf, type TestHost, type TestNode } from './testing';

// Several real nodes with their etcd on one machine: a busy one gets its time.
vi.setConfig({ testTimeout: 90_000, hookTimeout: 60_000 });

let host: TestHost;
let first: TestNode;
let agent: AgentClient;
let minted: Awaited<ReturnType<typeof mint>>;
let second: Running;
let secondArgs: readonly string[];

beforeAll(async () => {
  host = createTestHost();
  first = await host.serve('first');
  agent = openAgent(first.dataDir, 30_000);
  minted = await mint(first.dataDir);
});
afterAll(async () => {
  await agent.close();
  await host.close();
});

const usesOf = async (id: string): Promise<number | undefined> => {
  const { items } = await agent.client.call(joinTokenRoutes.list, { query: {} });
  return items.find((token) => token.id === id)?.uses;
};
const voters = async (): Promise<string[]> => {
  const { members } = await agent.client.call(clusterRoutes.get, {});
  return members.filter(({ suffrage }) => suffrage === 'voter').map(({ name }) => name);
};

interface Joiner {
  readonly name: string;
  readonly dataDir: string;
  readonly config: string;
  readonly args: readonly string[];
}

function joiner(name: string, text = ''): Joiner {
  const dataDir = join(host.dir, name);
  const config = join(host.dir, `${name}.yaml`);
  writeFileSync(config, text, { mode: 0o640 });
  const args = ['--config', config, '--data-dir', dataDir, '--name', name, ...addressArgs(host.address())];
  return { name, dataDir, config, args };
}

async function stop(running: Running): Promise<number | null> {
  running.signal('SIGTERM');
  return (await running.ended).code;
}

const COMMENTED = `# what this node is
node:
  name: old   # replaced by --name
cluster:
  # a comment between
  join:
    token: ${`qj_${'x'.repeat(43)}`}
log: { level: info } # stays
`;

describe('quorated join, before anything is changed', () => {
  it('refuses a wrong fingerprint without showing the token, and leaves no trace', async () => {
    const it = joiner('wrong-ca', COMMENTED);
    const joinString = `${first.address}:7000/${minted.token}/${'0'.repeat(64)}`;
    const { code, stderr } = await host.quorated(['join', joinString, ...it.args]);
    expect(stderr).toMatch(/warning: the token stands in this command line/);
    expect(stderr).toMatch(/stopped at the stage "reached": .*does not show the expected CA.*The token was not sent/);
    expect(stderr).toMatch(/nothing of the cluster was stored: run the join again/);
    expect(code).toBe(1);
    expect(readFileSync(it.config, 'utf8')).toBe(COMMENTED);
    expect(existsSync(join(it.dataDir, 'join-token'))).toBe(false);
    expect(await usesOf(minted.id)).toBe(0);
  });

  it('says all at once what stands against it', async () => {
    const it = joiner('first');
    const args = it.args.map((arg) => (arg === it.dataDir ? join(host.dir, 'other') : arg));
    const { code, stderr } = await host.quorated([
      'join',
      minted.join_string,
      ...args,
      '--set',
      'cluster.advertise=127.0.0.1:1',
    ]);
    expect(stderr).toMatch(/would refuse this node: .*name.*first.*; .*cannot reach this node at 127\.0\.0\.1:1/);
    expect(code).toBe(1);
    expect(await usesOf(minted.id)).toBe(0);
  });

  it('refuses to replace a node that was set up, unless told to', async () => {
    const it = joiner('own');
    const address = host.address();
    const own = await host.serve('own', { address });
    const local = openAgent(own.dataDir);
    const { setup_code } = await local.client.call(setupRoutes.code, {});
    const body = { cluster_name: 'own', username: 'ada', password: 'correct horse battery', setup_code };
    await local.client.call(setupRoutes.create, { body });
    await local.close();
    await stop(own.running);
    const before = snapshotOf(own.dataDir);
    const { code, stderr } = await host.quorated(['join', minted.join_string, ...it.args]);
    expect(stderr).toMatch(
      /runs a cluster of its own.*another --data-dir.*--force.*renamed to NAME\.before-join-TIME, nothing is deleted/,
    );
    expect(code).toBe(1);
    expect(snapshotOf(own.dataDir)).toEqual(before);
    expect(await usesOf(minted.id)).toBe(0);
  });
});

describe('quorated join', () => {
  it('joins: comments stay, the token file goes, a restart is no second use', async () => {
    const it = joiner('second', COMMENTED);
    const running = host.start(['join', '-', ...it.args], { input: `${minted.join_string}\n` });
    await running.says(/node 2 is a voter; it goes on running here/);
    const said = running.output();
    expect(said).not.toContain('warning: the token');
    expect(said).not.toContain(minted.token);
    const stages = ['reached', 'pinned', 'admitted', 'certificate issued', 'learner', 'caught up', 'voter'];
    const at = stages.map((stage) => said.search(new RegExp(`^join: ${stage}`, 'm')));
    expect(at).not.toContain(-1);
    expect(at).toEqual([...at].sort((a, b) => a - b));
    expect(await voters()).toEqual(['first', 'second']);

    const written = readFileSync(it.config, 'utf8');
    expect(written).toContain('# what this node is');
    expect(written).toContain('# a comment between');
    expect(written).toContain('log: { level: info } # stays');
    expect(written).toContain(`url: https://${first.address}:7000`);
    expect(written).toContain('mode: join');
    expect(written).toContain('name: second');
    expect(written).not.toContain('qj_');
    expect(written).not.toMatch(/\btoken:/);
    expect(statSync(it.config).mode & 0o777).toBe(0o640);
    expect(existsSync(join(it.dataDir, 'join-token'))).toBe(false);
    expect(await usesOf(minted.id)).toBe(1);

    const busy = await host.quorated(['join', minted.join_string, ...it.args]);
    expect(busy.stderr).toMatch(/another quorated runs with the data directory/);
    expect(await stop(running)).toBe(0);
    second = host.start(['join', minted.join_string, ...it.args]);
    secondArgs = it.args;
    await second.says(/certificate issued: before, as node 2[\s\S]*node 2 is a voter/);
    expect(await usesOf(minted.id)).toBe(1);
  });

  it('tells a used token from a wrong one and leaves the configuration alone', async () => {
    const it = joiner('late', COMMENTED);
    const { code, stderr } = await host.quorated(['join', minted.join_string, ...it.args]);
    expect(stderr).toMatch(/stopped at the stage "pinned": .*mint a new token: quorate token create/);
    expect(code).toBe(1);
    expect(readFileSync(it.config, 'utf8')).toBe(COMMENTED);
  });

  it('moves an old state aside with --force, and deletes nothing', async () => {
    const it = joiner('own');
    const token = join(host.dir, 'token');
    const next = await mint(first.dataDir);
    writeFileSync(token, next.token, { mode: 0o600 });
    const before = readFileSync(join(it.dataDir, 'pki/node.key'), 'utf8');
    const long = [
      '--url',
      `https://${first.address}:7000`,
      '--token-path',
      token,
      '--ca-fingerprint',
      next.ca_fingerprint,
    ];
    const running = host.start(['join', ...long, ...it.args, '--force']);
    await running.says(/node 3 is a voter/);
    expect(running.output()).toMatch(/moved .*own\/state\.db to .*own\/state\.db\.before-join-\d{8}T\d{6}Z/);
    const moved = readdirSync(it.dataDir).filter((name) => name.includes('.before-join-'));
    expect(moved.map((name) => name.replace(/\.before-join-\w+Z/, '')).sort()).toEqual(
      expect.arrayContaining(['node.json', 'pki', 'state.db']),
    );
    const pki = moved.find((name) => name.startsWith('pki.')) ?? '';
    expect(readFileSync(join(it.dataDir, pki, 'node.key'), 'utf8')).toBe(before);
    expect(await voters()).toEqual(['first', 'second', 'own']);
  });

  it('says that a removed node has to join as a new one, whatever its old state says', async () => {
    second.signal('SIGKILL');
    await second.ended;
    await agent.client.call(clusterRoutes.removeMember, { params: { id: 2 }, query: { force: 'true' } });
    const { code, stderr } = await host.quorated(['join', minted.join_string, ...secondArgs]);
    expect(stderr).toMatch(
      /this node was removed from the cluster; mint a new token and run "quorated join" with --force/,
    );
    expect(stderr).not.toMatch(/is a voter/);
    expect(code).toBe(1);
    // Its configuration and data directory; the addresses are in there by now.
    const examined = await host.quorated(['doctor', ...secondArgs.slice(0, 4)]);
    expect(examined.stdout).toMatch(
      /(was removed from its cluster|refuses this node: .*not a member.* any more)\n.*quorated join with --force/,
    );
  });

  it('goes on after a kill at any stage, by the same key and without a further use of the token', async () => {
    const it = joiner('killed');
    const next = await mint(first.dataDir);
    for (const stage of [/^join: pinned/m, /^join: certificate issued/m]) {
      const attempt = host.start(['join', next.join_string, ...it.args]);
      await attempt.says(stage);
      process.kill(-attempt.pid, 'SIGKILL');
      await attempt.ended;
    }
    expect(await usesOf(next.id)).toBe(1);
    const last = host.start(['join', next.join_string, ...it.args]);
    await last.says(/certificate issued: before, as node 4[\s\S]*node 4 is a voter/);
    expect(await usesOf(next.id)).toBe(1);
    expect(await voters()).toContain('killed');
  });

  it('only prepares with --no-restart', async () => {
    const it = joiner('later');
    const next = await mint(first.dataDir);
    const { code, stderr } = await host.quorated(['join', next.join_string, ...it.args, '--no-restart']);
    expect(stderr).toMatch(/ready to join: start it with "quorated serve --config .*later\.yaml"/);
    expect(code).toBe(0);
    const token = join(it.dataDir, 'join-token');
    expect(readFileSync(token, 'utf8')).toBe(`${next.token}\n`);
    expect(statSync(token).mode & 0o777).toBe(0o600);
    expect(await usesOf(next.id)).toBe(0);
  });
});
