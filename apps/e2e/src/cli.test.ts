import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Cluster as ClusterView, Member } from '@quorate/shared/cluster';
import { beforeAll, describe, expect, it } from 'vitest';
import { Cli, type CliOptions, type Outcome } from './harness/cli';
import { ADMIN } from './harness/cluster';
import { addNodes, note, useCluster } from './harness/suite';
import { until } from './harness/until';

const UNKNOWN_ID = '0190b0f3-7c1e-7d52-b0aa-1f2e3d4c5b6a';

describe('the client against a cluster of three', () => {
  const suite = useCluster(async (it) => {
    addNodes(it, 3);
    await it.cluster.grow();
  });
  const { cluster, workspace } = suite;
  const clientFor = (person: string): Cli => {
    const dir = join(workspace.dir, `client-${person}`);
    mkdirSync(dir, { recursive: true });
    return new Cli(dir);
  };
  let admin: Cli;
  beforeAll(() => {
    admin = clientFor('admin');
  });

  const file = (name: string, text: string): string => {
    const path = join(workspace.dir, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  };
  /** Runs as the admin and expects this exit status; what the client said is part of the failure. */
  async function run(status: number, args: readonly string[], options: CliOptions & { as?: Cli } = {}) {
    const outcome = await (options.as ?? admin).run(args, options);
    expect(outcome, `quorate ${args.join(' ')}`).toMatchObject({ status });
    return outcome;
  }
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape.
  const json = async (args: readonly string[], options: CliOptions & { as?: Cli } = {}): Promise<any> =>
    JSON.parse((await run(0, [...args, '-o', 'json'], options)).stdout);
  const names = async (args: readonly string[]): Promise<string[]> =>
    (await run(0, [...args, '-o', 'name'])).stdout.split('\n').filter(Boolean);
  const login = (as: Cli, user: string, password: string, server = cluster.node(0).url): Promise<Outcome> =>
    as.run(['login', server, '--user', user, '--password-file', '-'], { input: `${password}\n` });

  it('refuses a wrong password with 3 and keeps nothing', async () => {
    const outcome = await login(admin, ADMIN, 'not the password');
    expect(outcome).toMatchObject({ status: 3, stdout: '' });
    expect(outcome.stderr).toMatch(/user name or the password is wrong/);
    expect(await json(['context', 'list'])).toEqual({ items: [] });
    expect((await run(2, ['status'])).stderr).toContain('quorate login');
  });

  it('signs in by a password on standard input and learns the other nodes', async () => {
    const outcome = await login(admin, ADMIN, cluster.password);
    expect(outcome).toMatchObject({ status: 0, stdout: '' });
    expect(outcome.stderr).toContain(`as ${ADMIN} (admin)`);
    expect(`${outcome.stderr}${outcome.stdout}`).not.toContain(cluster.password);
    const { items } = await json(['context', 'list']);
    expect(items).toMatchObject([{ name: 'e2e', current: true, server: cluster.node(0).url, signed_in: true }]);
    expect(items[0].endpoints.sort()).toEqual([cluster.node(1).url, cluster.node(2).url].sort());
    expect(await json(['whoami'])).toMatchObject({ name: ADMIN, role: 'admin' });
  });

  it('shows the cluster to people and to programs', async () => {
    const view: ClusterView = await json(['status']);
    expect(view).toMatchObject({ mode: 'raft', quorum: { voters: 3, needed: 2, healthy: 3, held: true } });
    const { stdout } = await run(0, ['status']);
    expect(stdout).toContain(view.quorum.sentence);
    for (const { name } of cluster.nodes) expect(stdout).toContain(name);
    expect((await names(['cluster', 'members'])).sort()).toEqual(['node-1', 'node-2', 'node-3']);
    expect((await run(0, ['cluster', 'members', '--linearizable'])).stdout).toMatch(/node-2 .*voter/);
    expect(await json(['cluster', 'show', 'node-2'])).toMatchObject({ name: 'node-2', suffrage: 'voter' });
    expect((await run(4, ['cluster', 'show', 'node-9'])).stderr).toContain('node-9');
  });

  it('mints, lists and revokes join tokens', async () => {
    const minted = await json(['token', 'create', '--ttl', '10m', '--name', 'node-4']);
    expect(minted.join_string).toContain(minted.token);
    expect(minted.ca_fingerprint).toMatch(/^sha256:/);
    const listed = await run(0, ['token', 'list', '-o', 'json']);
    expect(listed.stdout).not.toContain(minted.token);
    expect((await run(2, ['token', 'revoke', minted.id])).stderr).toContain('--yes');
    await run(0, ['token', 'revoke', minted.id, '--yes']);
    const { items } = await json(['token', 'list']);
    expect(items.find((token: { id: string }) => token.id === minted.id)).toMatchObject({ status: 'revoked' });
    await run(4, ['token', 'revoke', UNKNOWN_ID, '--yes']);
    await run(2, ['token', 'revoke', 'no-id', '--yes']);
    expect((await run(2, ['token', 'create', '--ttl', '2d'])).stderr).toContain('1m and 24h');
  });

  it('lists the joins that made the cluster', async () => {
    const { items } = await json(['join', 'list']);
    expect(items.map(({ node_name, stage, state }: Record<string, string>) => [node_name, stage, state])).toEqual([
      ['node-3', 'voter', 'done'],
      ['node-2', 'voter', 'done'],
    ]);
  });

  it('writes, checks and remembers the load balancer configuration', async () => {
    const out = join(workspace.dir, 'haproxy.cfg');
    const printed = (await run(0, ['haproxy', 'config', '--for', '2.6'])).stdout;
    await run(0, ['haproxy', 'config', '--for', '2.6', '--out', out]);
    expect(readFileSync(out, 'utf8')).toBe(printed);
    for (const { spec } of cluster.nodes) expect(printed).toContain(`${spec.host}:8440`);
    await run(0, ['haproxy', 'check', out, '--for', '2.6']);
    const old = file('old.cfg', 'frontend f\n  mode http\n  bind :80\n  reqadd X-Forwarded-Proto:\\ https\n');
    expect((await run(1, ['haproxy', 'check', old, '--for', '2.6'])).stdout).toContain('reqadd');
    await run(0, ['haproxy', 'settings', 'set', 'balance=roundrobin']);
    expect((await run(0, ['haproxy', 'config'])).stdout).toContain('balance roundrobin');
    expect((await run(2, ['haproxy', 'settings', 'set', 'balence=first'])).stderr).toContain('did you mean balance');
    const [newest = ''] = await names(['haproxy', 'revisions']);
    expect((await run(0, ['haproxy', 'revisions', newest])).stdout).toMatch(/^\+.*balance roundrobin/m);
    await run(4, ['haproxy', 'revisions', '999']);
  });

  it('lists events, and follows them as they come', async () => {
    const { items } = await json(['event', '--type', 'member.promoted']);
    expect(items).toHaveLength(2);
    const earlier = `earlier-${randomUUID()}`;
    await run(0, ['api-token', 'create', earlier]);
    const follower = admin.start(['event', '--follow', '--namespace', 'api_token', '-o', 'json']);
    await until('the follower prints what there is', () => follower.stdout().includes(earlier));
    // Another node writes: the stream shows the whole cluster, not one node's doings.
    const name = `later-${randomUUID()}`;
    const other = ['--server', cluster.node(2).url, '--token-file', file('session', cluster.token ?? '')];
    await run(0, [...other, 'api-token', 'create', name]);
    const lines = () => follower.stdout().split('\n').filter(Boolean);
    await until('the follower prints the event', () => lines().some((line) => line.includes(name)));
    const events = lines().map((line) => JSON.parse(line));
    expect(events.at(-1)).toMatchObject({ type: 'api_token.created', actor: ADMIN });
    expect(await follower.stop()).toMatchObject({ status: 0, stderr: '' });
    await run(2, ['event', '--type', 'no.such']);
  });

  it('shows who changed what', async () => {
    const { items } = await json(['audit', '--action', 'haproxy.replace_settings', '--limit', '5']);
    const all = await json(['audit', '--limit', '200']);
    expect(all.items.length).toBeGreaterThan(5);
    expect(items.every(({ actor }: { actor: string }) => actor === ADMIN)).toBe(true);
    expect((await run(0, ['audit', '--actor', ADMIN])).stdout).toContain('api_tokens.create');
  });

  it('manages users, each with what the role allows', async () => {
    const password = 'a password for ben';
    await run(0, ['user', 'create', 'ben', '--role', 'operator', '--password-file', '-'], { input: password });
    await run(5, ['user', 'create', 'ben', '--password-file', '-'], { input: password });
    expect((await run(2, ['user', 'create', 'cleo', '--password-file', '-'], { input: 'short' })).stderr).toContain(
      '10',
    );
    const ben = clientFor('ben');
    expect(await login(ben, 'ben', password, cluster.node(1).url)).toMatchObject({ status: 0 });
    await run(0, ['token', 'list'], { as: ben });
    expect((await run(3, ['user', 'list'], { as: ben })).stderr).toContain('admin');
    expect(await json(['user', 'update', 'ben', '--role', 'viewer'])).toMatchObject({ role: 'viewer' });
    await run(0, ['user', 'passwd', 'ben', '--password-file', '-'], { input: 'another password for ben' });
    await until('the old session ends on the other node', async () => (await ben.run(['whoami'])).status === 3);
    await run(2, ['user', 'delete', 'ben']);
    await run(0, ['user', 'delete', 'ben', '--yes']);
    expect(await names(['user', 'list'])).not.toContain('ben');
    expect((await run(4, ['user', 'delete', 'ben', '--yes'])).stderr).toContain("no user 'ben'");
    expect((await run(5, ['user', 'delete', ADMIN, '--yes'])).stderr).toContain('hint:');
  });

  it('manages API tokens', async () => {
    const secret = (await run(0, ['api-token', 'create', 'monitoring', '--ttl', '1d', '-o', 'name'])).stdout.trim();
    const as = ['--server', cluster.node(0).url, '--token-file', file('monitoring', secret)];
    expect(await json([...as, 'whoami'])).toMatchObject({ kind: 'api_token', name: 'monitoring', role: 'viewer' });
    await run(3, [...as, 'token', 'create']);
    expect((await run(0, ['api-token', 'list', '-o', 'json'])).stdout).not.toContain(secret);
    await run(2, ['api-token', 'revoke', 'monitoring']);
    await run(0, ['api-token', 'revoke', 'monitoring', '--yes']);
    await run(3, [...as, 'whoami']);
    await run(4, ['api-token', 'revoke', 'monitoring', '--yes']);
  });

  it('prints a completion script that the shell takes', async () => {
    const { stdout } = await run(0, ['completion', 'bash']);
    execFileSync('bash', ['-n'], { input: stdout });
    expect(stdout).toContain('transfer-leadership');
    await run(2, ['completion', 'tcsh']);
  });

  it('speaks to the node on its socket without login', async () => {
    const nobody = clientFor('nobody');
    const socket = ['--socket', join(cluster.node(1).dataDir, 'agent.sock')];
    const { items }: { items: Member[] } = await json([...socket, 'agent', 'cluster', 'list'], { as: nobody });
    expect(items.find((member) => member.self)).toMatchObject({ name: 'node-2' });
    expect((await run(5, [...socket, 'agent', 'setup-code'], { as: nobody })).stderr).toContain('already');
    const password = 'the way back in for dora';
    const reset = [...socket, 'agent', 'admin', 'reset', 'dora', '--password-file', '-'];
    await run(2, reset, { as: nobody, input: password });
    await run(0, [...reset, '--yes'], { as: nobody, input: password });
    expect(await login(nobody, 'dora', password, cluster.node(1).url)).toMatchObject({ status: 0 });
    const audited = await json(['audit', '--limit', '20', '--linearizable']);
    expect(audited.items.some((record: Record<string, string>) => record['actor_kind'] === 'local')).toBe(true);
    expect((await run(6, ['--socket', join(workspace.dir, 'none.sock'), 'agent', 'cluster', 'list'])).stderr).toContain(
      'no agent socket',
    );
  });

  it('hands the leadership over', async () => {
    const [next] = await cluster.followers();
    const to = next?.name ?? '';
    expect((await run(0, ['cluster', 'transfer-leadership', '--to', to])).stdout).toContain('Leadership went');
    await until(`${to} leads`, async () => {
      const { items } = await json(['cluster', 'members']);
      return items.find((member: Member) => member.leader)?.name === to;
    });
    await run(4, ['cluster', 'transfer-leadership', '--to', 'node-9']);
  });

  it('shows what a removal would do, and removes nothing that was not confirmed', async () => {
    await cluster.waitHealthy(3);
    const preview = await json(['cluster', 'remove', 'node-3', '--dry-run']);
    expect(preview).toMatchObject({ dry_run: true, allowed: true, before: { voters: 3 }, after: { voters: 2 } });
    const { stdout, stderr } = await run(2, ['cluster', 'remove', 'node-3']);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/3 .*2/);
    expect(stderr).toContain('--yes');
    expect(await names(['cluster', 'members'])).toHaveLength(3);
    await run(4, ['cluster', 'remove', 'node-9', '--yes']);
  });

  it('gives up with 7 on a node that accepts and never answers', async () => {
    const [stuck] = (await cluster.followers()).filter((node) => node !== cluster.node(0));
    if (!stuck) throw new Error('no follower to stop');
    stuck.suspend();
    try {
      const only = ['--server', stuck.url, '--token-file', file('session', cluster.token ?? ''), '--timeout', '1s'];
      const outcome = await run(7, [...only, 'cluster', 'members']);
      expect(outcome.stderr).toContain('--timeout');
      expect(outcome.ms).toBeLessThan(10_000);
    } finally {
      stuck.resume();
    }
    await cluster.waitHealthy(3);
  });

  it('goes on through another node when its own gets kill -9', async () => {
    await cluster.node(0).killAll();
    const read = await run(0, ['cluster', 'members', '-o', 'name']);
    expect(read.stderr).toContain('trying the next node');
    const key = randomUUID();
    const mint = ['token', 'create', '--idempotency-key', key];
    const first = await until('a write goes through', async () => {
      const outcome = await admin.run([...mint, '-o', 'json']);
      return outcome.status === 0 && outcome;
    });
    note(`read after ${Math.round(read.ms)} ms, write after ${Math.round(first.ms)} ms`);
    expect(first.stderr).toContain('trying the next node');
    // The same key on the same command: the same token, not a second one.
    const again = await json(mint);
    expect(again).toMatchObject({ id: JSON.parse(first.stdout).id, token: JSON.parse(first.stdout).token });
    await run(5, [...mint, '--uses', '2']);
  });

  it('refuses with 5 a removal that would lose the quorum', async () => {
    await until('the dead node is seen as such', async () => {
      const view: ClusterView = await json(['status']);
      return view.quorum.healthy === 2;
    });
    const { stderr } = await run(5, ['cluster', 'remove', 'node-2', '--yes']);
    expect(stderr).toMatch(/quorum/);
    expect(await names(['cluster', 'members'])).toHaveLength(3);
  });

  it('says 6 when two of three are down, and still reads', async () => {
    await cluster.node(1).killAll();
    await until('the survivor says that the quorum is lost', async () => (await admin.run(['status'])).status === 6);
    // At first a write may still be sent, and its outcome is then honestly unknown (7).
    const write = await until('writes are refused', async () => {
      const outcome = await admin.run(['token', 'create', '--timeout', '5s']);
      return outcome.status === 6 && outcome;
    });
    expect(write.stderr).toMatch(/^error: /m);
    const { items } = await json(['event', '--limit', '1']);
    expect(items).toHaveLength(1);
    await cluster.node(2).killAll();
    expect((await run(6, ['status'])).stderr).toContain('connection refused');
  });
});
