import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { parse, stringify } from 'yaml';
import { ensureBuilt, eventually, type Outcome, run, start } from './testing/cli';
import { type Daemon, startDaemon } from './testing/daemon';

// The bundled client against a real node: every noun once for what it prints, and once for what it refuses.

// Each step is a process of its own, and hashing a password is slow on purpose.
vi.setConfig({ testTimeout: 90_000 });

const PASSWORD = 'correct horse battery';
let node: Daemon;
let configHome: string;

beforeAll(async () => {
  await ensureBuilt(['cli', 'api']);
  node = await startDaemon();
  configHome = join(node.folder, 'config');
}, 90_000);
afterAll(async () => {
  await node?.stop();
});

const env = () => ({ XDG_CONFIG_HOME: configHome });
const quorate = (args: string[], input = ''): Promise<Outcome> => run(args, { env: env(), input, cwd: '/' });

/** Runs a command that must succeed. */
async function ok(args: string[], input = ''): Promise<Outcome> {
  const outcome = await quorate(args, input);
  expect(outcome.status, `quorate ${args.join(' ')}\n${outcome.stderr}`).toBe(0);
  return outcome;
}
const json = async (args: string[], input = '') => JSON.parse((await ok([...args, '-o', 'json'], input)).stdout);

describe('first admin and session', () => {
  it('says what to do before there is an admin', async () => {
    const login = await quorate(['login', node.url, '--user', 'ada', '--password-file', '-'], PASSWORD);
    expect(login.status).toBe(5);
    expect(login.stderr).toContain('hint: open');
  });

  it('creates the first admin once', async () => {
    const args = ['setup', '--server', node.url, '--cluster-name', 'Test Lab', '--user', 'ada', '--password-file', '-'];
    await ok(args, PASSWORD);
    expect(await quorate(args, PASSWORD)).toMatchObject({ status: 5 });
  });

  it('refuses a wrong password and no password, keeping no context', async () => {
    const wrong = await quorate(['login', node.url, '--user', 'ada', '--password-file', '-'], 'not the password');
    expect(wrong.status).toBe(3);
    expect(wrong.stderr).toMatch(/^error: /);
    expect((await quorate(['login', node.url, '--user', 'ada'])).status).toBe(2);
    expect((await quorate(['status'])).status).toBe(2);
  });

  it('signs in, warns about a password in argv, and keeps the session readable by its owner only', async () => {
    const warned = await ok(['login', node.url, '--user', 'ada', '--password', PASSWORD]);
    expect(warned.stderr).toContain('warning: --password shows the password in the process table');
    const outcome = await ok(['login', node.url, '--user', 'ada', '--password-file', '-'], PASSWORD);
    expect(outcome.stdout).toBe('');
    expect(outcome.stderr).toContain('Signed in to Test Lab as ada (admin)');
    const file = join(configHome, 'quorate/config.yaml');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(parse(readFileSync(file, 'utf8'))).toMatchObject({
      current: 'test-lab',
      contexts: { 'test-lab': { user: 'ada' } },
    });
    expect((await ok(['context', 'list', '-o', 'name'])).stdout).toBe('test-lab\n');
    expect(JSON.stringify(await json(['context', 'list']))).not.toContain(
      parse(readFileSync(file, 'utf8')).contexts['test-lab'].token,
    );
    expect(await json(['whoami'])).toMatchObject({ kind: 'user', name: 'ada', role: 'admin' });
  });
});

describe('cluster', () => {
  it('tells what a number of voters survives', async () => {
    const { stdout, stderr } = await ok(['cluster', 'quorum']);
    expect(stdout).toMatch(/^1 +1 +0 +1 healthy/m);
    expect(stdout).toMatch(/^5 +3 +2/m);
    expect(stderr).toMatch(/embedded log/);
    expect(await json(['cluster', 'quorum'])).toMatchObject({ voters: 1, table: { length: 7 } });
  });

  it('shows the status in every format', async () => {
    const table = await ok(['status']);
    expect(table.stdout).toContain('Test Lab');
    expect(table.stdout).toMatch(/alpha\s+voter\s+★\s+● healthy/);
    expect(table.stdout).not.toContain('\u001b');
    const cluster = await json(['status']);
    expect(cluster).toMatchObject({ mode: 'single', quorum: { held: true, voters: 1 } });
    expect(parse((await ok(['status', '-o', 'yaml'])).stdout)).toMatchObject({ id: cluster.id });
    expect((await ok(['cluster', 'members', '-o', 'name'])).stdout).toBe('alpha\n');
    expect(await json(['cluster', 'show', 'alpha', '--linearizable'])).toMatchObject({ id: 1, leader: true });
  });

  it('refuses what would lose the quorum, after the preview and before a question', async () => {
    const outcome = await quorate(['cluster', 'remove', 'alpha']);
    expect(outcome.status).toBe(5);
    expect(outcome.stderr).toContain('BEFORE');
    expect(outcome.stderr).toMatch(/may fail\s+0\s+quorum lost/);
    expect((await quorate(['cluster', 'remove', 'alhpa'])).stderr).toContain('hint: did you mean alpha?');
    expect(await quorate(['cluster', 'transfer-leadership'])).toMatchObject({ status: 5 });
  });

  it('follows the status, a line for each change', async () => {
    const child = start(['status', '--watch'], { env: env() });
    let stdout = '';
    child.stdout?.on('data', (chunk) => {
      stdout += chunk;
    });
    await eventually('the first line', 10_000, () => stdout.includes('alpha=voter*/healthy') || undefined);
    const ended = new Promise((done) => child.once('exit', done));
    child.kill('SIGINT');
    expect(await ended).toBe(0);
  });
});

describe('join tokens', () => {
  let id: string;
  it('prints a join command to copy, and the rest on stderr', async () => {
    const outcome = await ok(['token', 'create', '--ttl', '10m', '--name', 'beta', '--cidr', '127.0.0.0/8']);
    expect(outcome.stdout).toMatch(/^quorated join \S+:\d+\/qj_[\w-]{43}\/[0-9a-f]{64} --name beta\n$/);
    expect(outcome.stderr).toContain('It is shown only now');
    const minted = await json(['token', 'create', '--uses', '2']);
    id = minted.id;
    expect(minted).toMatchObject({ max_uses: 2, token: expect.stringMatching(/^qj_/) });
    expect((await ok(['token', 'create', '-o', 'name'])).stdout).toMatch(/^\S+:\d+\/qj_[\w-]{43}\/[0-9a-f]{64}\n$/);
  });

  it('does one mint however often its Idempotency-Key is sent', async () => {
    const args = ['token', 'create', '--idempotency-key', 'cli-test-1'];
    const first = await json(args);
    expect((await json(args)).id).toBe(first.id);
  });

  it('lists and revokes, and asks before', async () => {
    expect((await ok(['token', 'list'])).stdout).toContain(id);
    const unasked = await quorate(['token', 'revoke', id]);
    expect(unasked).toMatchObject({ status: 2, stdout: '' });
    expect(unasked.stderr).toContain('hint: add --yes');
    await ok(['token', 'revoke', id, '--yes']);
    const { items } = await json(['token', 'list']);
    expect(items.find((item: { id: string }) => item.id === id).status).toBe('revoked');
    const unknown = await quorate(['token', 'revoke', '0190b0f3-7c1e-7d52-b0aa-1f2e3d4c5b6a', '-y']);
    expect(unknown.status).toBe(4);
    expect(unknown.stderr).toMatch(/^error: .+\n(hint: .+\n)?request id: \S+\n$/);
  });

  it('names the flag that is wrong', async () => {
    expect((await quorate(['token', 'create', '--ttl', '5s'])).stderr).toContain("'--ttl <duration>' argument '5s'");
    expect((await quorate(['token', 'create', '--cidr', 'here'])).stderr).toContain('allowed_cidrs');
    expect((await quorate(['token', 'create', '--tll', '1h'])).stderr).toContain('hint: did you mean --ttl?');
    const unknown = await quorate(['tokn', '--help']);
    expect(unknown).toMatchObject({ status: 2, stderr: "error: unknown command 'tokn'\nhint: did you mean token?\n" });
    expect(await ok(['join', 'list'])).toMatchObject({ stdout: '' });
  });
});

describe('settings', () => {
  it('shows and sets how many events and audit records are kept', async () => {
    expect(await json(['settings', 'retention', 'set', '--events', '20000'])).toMatchObject({ events: 20_000 });
    const shown = await ok(['settings', 'retention']);
    expect(shown.stdout).toMatch(/events kept +20000 \(\d+ stored\)\n.*audit kept +200000/);
    expect((await quorate(['settings', 'retention', 'set', '--audit', '5'])).stderr).toContain('--audit');
    expect((await quorate(['settings', 'retention', 'set'])).stderr).toContain('give --events, --audit or both');
  });
});

describe('users and API tokens', () => {
  it('creates, changes and deletes a user', async () => {
    await ok(['user', 'create', 'bob', '--role', 'operator', '--password-file', '-'], 'another good one');
    expect((await quorate(['user', 'create', 'bob', '--password-file', '-'], 'another good one')).status).toBe(5);
    expect((await quorate(['user', 'create', 'x', '--password-file', '-'], 'short')).stderr).toContain(
      'password: at least 10',
    );
    expect((await ok(['user', 'list', '-o', 'name'])).stdout.split('\n')).toContain('bob');
    expect(await json(['user', 'update', 'bob', '--role', 'viewer'])).toMatchObject({ role: 'viewer' });
    await ok(['user', 'passwd', 'bob', '--password-file', '-'], 'a third good one');
    expect(await quorate(['user', 'update', 'ada', '--role', 'viewer'])).toMatchObject({ status: 5 });
    await ok(['user', 'delete', 'bob', '--yes']);
    expect(await quorate(['user', 'delete', 'bob', '--yes'])).toMatchObject({ status: 4 });
  });

  it('changes its own password with both given by files', async () => {
    const file = join(node.folder, 'password');
    writeFileSync(file, `${PASSWORD}\n`);
    await ok(['user', 'passwd', '--current-password-file', file, '--password-file', '-'], PASSWORD);
    const wrong = await quorate(['user', 'passwd', '--current-password-file', '-', '--password-file', file], 'wrong');
    expect(wrong.status).toBe(3);
    rmSync(file);
  });

  it('works with an API token from a file until it is revoked', async () => {
    const secret = (await ok(['api-token', 'create', 'ci', '--role', 'viewer', '--ttl', '1h'])).stdout;
    expect(secret).toMatch(/^qa_\S+\n$/);
    const as = ['--server', node.url, '--token-file', '-'];
    expect(await json(['whoami', ...as], secret)).toMatchObject({ kind: 'api_token', name: 'ci', role: 'viewer' });
    expect((await quorate(['user', 'list', ...as], secret)).status).toBe(3);
    expect((await ok(['api-token', 'list'])).stdout).not.toContain(secret.trim());
    await ok(['api-token', 'revoke', 'ci', '--yes']);
    expect((await quorate(['whoami', ...as], secret)).status).toBe(3);
  });
});

describe('load balancer', () => {
  it('prints and installs the configuration', async () => {
    const { stdout } = await ok(['haproxy', 'config', '--for', '2.8']);
    expect(stdout).toContain(new URL(node.url).host);
    const file = join(node.folder, 'haproxy.cfg');
    await ok(['haproxy', 'config', '--for', '2.8', '--out', file]);
    expect(readFileSync(file, 'utf8')).toBe(stdout);
  });

  it('changes one setting and leaves the others', async () => {
    const before = await json(['haproxy', 'settings', 'get']);
    await ok(['haproxy', 'settings', 'set', 'balance=roundrobin', 'stats-bind=127.0.0.1:8404']);
    const after = await json(['haproxy', 'settings', 'set', 'stats_bind=none']);
    expect(after).toEqual({ ...before, balance: 'roundrobin' });
    const none = await quorate(['haproxy', 'publish', 'web', '--bind', '*:8080']);
    expect(none).toMatchObject({ status: 4, stderr: expect.stringContaining('there is no service web') });
    const spec = join(node.folder, 'web.yaml');
    writeFileSync(spec, 'command: sleep\nargs: ["1000"]\nports: [http]\npublish: http\n');
    await ok(['service', 'create', 'web', '--replicas', '0', '--file', spec]);
    await ok(['haproxy', 'publish', 'web', '--bind', '*:8080']);
    expect((await ok(['haproxy', 'config'])).stdout).toMatch(/^backend service_web$/m);
    await ok(['haproxy', 'unpublish', 'web']);
    expect((await json(['haproxy', 'settings', 'get'])).services).toEqual([]);
    expect((await quorate(['haproxy', 'settings', 'set', 'balanse=first'])).stderr).toContain('did you mean balance?');
    expect((await ok(['haproxy', 'revisions', '-o', 'name'])).stdout).toMatch(/^\d+\n/);
  });

  it('explains an old configuration and exits 1', async () => {
    const old = 'frontend f\n  bind :80\n  mode http\n  reqadd X-A:\\ b\n';
    const outcome = await quorate(['haproxy', 'check', '-', '--for', '2.6'], old);
    expect(outcome.status).toBe(1);
    expect(outcome.stdout).toMatch(/4\s+error/);
  });
});

describe('jobs from a file', () => {
  it('are submitted once, however often the command is repeated under its key', async () => {
    const list =
      '- spec: { kind: exec, command: a, labels: { zone: none } }\n- spec: { kind: service.restart }\n  priority: 3\n';
    const args = ['job', 'submit', '--file', '-', '--idempotency-key', 'file-1'];
    const { ids } = await json(args, list);
    expect((await ok([...args, '-o', 'name'], list)).stdout).toBe(`${ids.join('\n')}\n`);
    expect((await json(['job', 'list'])).items.map(({ id }: { id: string }) => id).reverse()).toEqual(ids);
    expect(await json(['job', 'show', ids[1]])).toMatchObject({ kind: 'service.restart', priority: 3 });
  });
});

describe('the upstream', () => {
  it('is named, switched off and shown, by the settings of the last reader', async () => {
    expect((await ok(['connector'])).stdout).toContain('no upstream is named');
    expect(await quorate(['connector', 'set', '--url', 'ws://upstream.example'])).toMatchObject({ status: 2 });
    await ok(['connector', 'set', '--url', 'ws://127.0.0.1:9/gateway', '--no-ha', '--role', 'operator']);
    expect((await json(['connector', 'off'])).settings).toEqual({
      ...{ enabled: false, url: 'ws://127.0.0.1:9/gateway', ha_enabled: false, role: 'operator', ca_cert: '' },
    });
    expect((await quorate(['connector', 'set'])).stderr).toContain('nothing to change');
    expect((await ok(['connector', 'history', '-o', 'json'])).stdout).toMatch(/^\[/);
    expect((await ok(['connector', 'ca'])).stdout).toContain('BEGIN CERTIFICATE');
  });
});

describe('watching', () => {
  it('prints an event as it happens and in the list, and the change in the audit', async () => {
    const child = start(['event', '--follow', '-o', 'json'], { env: env() });
    let stdout = '';
    child.stdout?.on('data', (chunk) => {
      stdout += chunk;
    });
    await eventually('the recent events', 10_000, () => stdout.includes('\n') || undefined);
    await ok(['user', 'create', 'eve', '--password-file', '-'], 'another good one');
    const line = await eventually('the event', 10_000, () =>
      stdout.split('\n').find((item) => item.includes('user.created') && item.includes('eve')),
    );
    expect(JSON.parse(line)).toMatchObject({ type: 'user.created' });
    const ended = new Promise((done) => child.once('exit', done));
    child.kill('SIGINT');
    expect(await ended).toBe(0);
    expect((await ok(['event', '--type', 'user.created', '--limit', '1'])).stdout).toContain('eve');
    expect((await ok(['audit', '--action', 'users.create', '--limit', '1'])).stdout).toContain('ada');
  });

  it('tells what became of a command', async () => {
    expect(await json(['command', 'show', 'nobody-sent-this'])).toMatchObject({ outcome: 'not_seen' });
  });
});

describe('agent socket', () => {
  it('needs no login, finds the socket in the working directory, and is named when it is missing', async () => {
    const local = { env: { XDG_CONFIG_HOME: '/nonexistent' }, cwd: node.folder };
    const found = await run(['agent', 'cluster', 'list', '-o', 'name'], local);
    expect(found).toMatchObject({ status: 0, stdout: 'alpha\n' });
    const explicit = await run(['whoami', '--socket', node.socket, '-o', 'json'], { env: local.env });
    expect(JSON.parse(explicit.stdout)).toMatchObject({ kind: 'local' });
    expect((await run(['agent', 'setup-code'], local)).status).toBe(5);
    const missing = await run(['agent', 'cluster', 'list', '--socket', '/nonexistent/agent.sock'], local);
    expect(missing).toMatchObject({ status: 6, stdout: '' });
    expect(missing.stderr).toContain('no agent socket at /nonexistent/agent.sock');
  });
});

describe('the end of a session', () => {
  it('moves on to another node of the context', async () => {
    const file = join(configHome, 'quorate/config.yaml');
    const config = parse(readFileSync(file, 'utf8'));
    const { server, ...rest } = config.contexts['test-lab'];
    config.contexts.moved = { ...rest, server: 'http://127.0.0.1:1', endpoints: [server] };
    writeFileSync(file, stringify(config));
    const outcome = await ok(['status', '--context', 'moved', '-o', 'name']);
    expect(outcome).toMatchObject({ stdout: 'Test Lab\n' });
    expect(outcome.stderr).toContain('trying the next node');
    await ok(['context', 'remove', 'moved', '--yes']);
  });

  it('signs out and says how to sign in again', async () => {
    await ok(['logout']);
    const outcome = await quorate(['status']);
    expect(outcome.status).toBe(3);
    expect(outcome.stderr).toContain('hint: sign in with: quorate login');
  });
});
