import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { delay } from '../../lib/async';
import { createLogger, silentLogger } from '../../lib/logger';
import { createTestPki, freePorts, startTestEtcd, type TestPki } from '../../testing/etcd';
import { EtcdBinaryError, etcdVersion } from './binary';
import { createEtcdClient } from './client';
import { type EtcdMemberOptions, etcdFlags } from './flags';
import { pipeLogLines } from './log-lines';
import { listMembers, removeMember } from './members';
import { createEtcdSupervisor, type EtcdExit, EtcdStartError, type EtcdSupervisor } from './supervisor';

async function until(what: string, check: () => boolean, boundMs = 10_000): Promise<void> {
  const deadlineMs = performance.now() + boundMs;
  while (!check()) {
    if (performance.now() > deadlineMs) throw new Error(`not within ${boundMs} ms: ${what}`);
    await delay(20);
  }
}

const commandLine = (pid: number): string => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
};

/** Never with a missing pid: 0 would mean our own process group. */
function kill(supervisor: EtcdSupervisor, signal: NodeJS.Signals): void {
  const { pid } = supervisor.status();
  if (!pid) throw new Error('etcd is not running');
  process.kill(pid, signal);
}

describe('the etcd supervisor', () => {
  let directory = '';
  let pki: TestPki;
  let options: EtcdMemberOptions;
  let supervisors: EtcdSupervisor[] = [];

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'quorate-supervisor-'));
    pki = await createTestPki(directory);
    const [peer, client] = await freePorts(2);
    options = {
      name: 'solo',
      dataDir: join(directory, 'data'),
      peerUrl: `https://127.0.0.1:${peer}`,
      clientUrl: `https://127.0.0.1:${client}`,
      tls: pki.files,
      initialCluster: `solo=https://127.0.0.1:${peer}`,
      initialClusterState: 'new',
      clusterToken: directory,
      heartbeatMs: 50,
      electionMs: 300,
      quotaBytes: 64 * 1024 * 1024,
    };
  });
  afterEach(async () => {
    await Promise.all(supervisors.map((supervisor) => supervisor.stop()));
    supervisors = [];
    rmSync(directory, { recursive: true, force: true });
  });

  function supervise(binary = 'etcd', changes: Partial<EtcdMemberOptions> = {}): EtcdSupervisor {
    const supervisor = createEtcdSupervisor({
      ...options,
      ...changes,
      binary,
      log: silentLogger(),
      stopTimeoutMs: 2000,
    });
    supervisors.push(supervisor);
    return supervisor;
  }

  function script(body: string): string {
    const path = join(directory, 'fake-etcd');
    writeFileSync(path, `#!/bin/sh\n${body}\n`);
    chmodSync(path, 0o755);
    return path;
  }

  it('starts a member, ends it and starts it again on its data', async () => {
    const supervisor = supervise();
    await supervisor.start();
    const { state, pid, version } = supervisor.status();
    expect({ state, version }).toEqual({ state: 'ready', version: expect.stringMatching(/^3\./) });
    await supervisor.stop();
    await supervisor.stop();
    expect(supervisor.status()).toMatchObject({ state: 'stopped', pid: null });
    expect(commandLine(pid ?? 0)).toBe('');
    await supervisor.start();
    expect(supervisor.status().state).toBe('ready');
  });

  it('restarts on the CA file as it is by then, without counting a crash', async () => {
    const supervisor = supervise();
    await supervisor.start();
    const before = supervisor.status();
    expect(before.trustedCa).toBe(pki.tls.ca);
    const both = `${pki.tls.ca}\n${pki.tls.ca}`;
    writeFileSync(pki.files.ca, both);
    expect(supervisor.status().trustedCa).toBe(pki.tls.ca);
    await supervisor.restart();
    const after = supervisor.status();
    expect(after).toMatchObject({ state: 'ready', crashes: 0, trustedCa: both });
    expect(after.pid).not.toBe(before.pid);
    expect(commandLine(before.pid ?? 0)).toBe('');
    writeFileSync(pki.files.key, 'nonsense');
    const failing = supervisor.restart();
    const failed = expect(failing).rejects.toThrow('stopped before it was ready again');
    await until('it ends twice', () => supervisor.status().crashes >= 2);
    await supervisor.stop();
    await failed;
  });

  it('names the cure when etcd is missing, too old or something else', async () => {
    const cure = expect.stringContaining('apt-get install etcd-server');
    await expect(supervise('no-such-etcd').start()).rejects.toMatchObject({ reason: 'missing', cure });
    const old = script('echo "etcd Version: 3.4.22"');
    await expect(supervise(old).start()).rejects.toMatchObject({ reason: 'too_old', cure });
    await expect(supervise(old).start()).rejects.toThrow('3.4.22');
    await expect(etcdVersion(script('echo hello'))).rejects.toMatchObject({ reason: 'not_etcd' });
    await expect(etcdVersion(script('exit 3'))).rejects.toThrow(EtcdBinaryError);
    chmodSync(old, 0o644);
    await expect(etcdVersion(old)).rejects.toMatchObject({ reason: 'not_executable' });
    expect(await etcdVersion(script('echo "etcd Version: 3.10.0"'))).toEqual({ major: 3, minor: 10, patch: 0 });
  });

  it('reports the last lines when the member cannot start', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as { port: number };
    const supervisor = supervise('etcd', { clientUrl: `https://127.0.0.1:${port}` });
    const error = await supervisor.start().then(
      () => null,
      (reason: unknown) => reason,
    );
    taken.close();
    expect(error).toBeInstanceOf(EtcdStartError);
    expect((error as EtcdStartError).message).toContain('address already in use');
    expect(supervisor.status()).toMatchObject({ state: 'stopped', pid: null });
  });

  it('starts a crashed member again and tells of it', async () => {
    const supervisor = supervise();
    const exits: EtcdExit[] = [];
    supervisor.onExit((exit) => exits.push(exit));
    await supervisor.start();
    for (let crash = 1; crash <= 2; crash += 1) {
      const { pid } = supervisor.status();
      kill(supervisor, 'SIGKILL');
      await until('a new process', () => supervisor.status().state === 'ready' && supervisor.status().pid !== pid);
      expect(supervisor.status().crashes).toBe(crash);
    }
    expect(exits.map(({ reason, signal, restartInMs }) => [reason, signal, restartInMs])).toEqual([
      ['crashed', 'SIGKILL', 200],
      ['crashed', 'SIGKILL', 400],
    ]);
  });

  it('goes on trying when a new process cannot be written down, and leaves none behind', async () => {
    const supervisor = supervise();
    await supervisor.start();
    const pidFile = `${options.dataDir}.pid`;
    rmSync(pidFile);
    mkdirSync(pidFile);
    kill(supervisor, 'SIGKILL');
    await until('two further attempts', () => supervisor.status().crashes >= 3);
    rmSync(pidFile, { recursive: true });
    await until('it runs again', () => supervisor.status().state === 'ready');
  });

  it('kills a member that does not react', async () => {
    const supervisor = supervise();
    await supervisor.start();
    kill(supervisor, 'SIGSTOP');
    await supervisor.stop();
    expect(supervisor.status()).toMatchObject({ state: 'stopped', pid: null });
  });

  it('can be stopped while a member waits for its quorum', async () => {
    const [absent] = await freePorts(1);
    const initialCluster = `${options.initialCluster},absent=https://127.0.0.1:${absent}`;
    const supervisor = supervise('etcd', { initialCluster });
    const starting = expect(supervisor.start()).rejects.toThrow('stopped before it was ready');
    await until('the process', () => supervisor.status().pid !== null);
    expect(supervisor.status().state).toBe('starting');
    await supervisor.stop();
    await starting;
  });

  it('ends an etcd that an earlier run left behind, and no other process', async () => {
    const first = supervise();
    await first.start();
    await first.stop();
    const orphan = spawn('etcd', etcdFlags(options, await etcdVersion('etcd')), { stdio: 'ignore' });
    writeFileSync(`${options.dataDir}.pid`, `${orphan.pid}\n`);
    await until('the orphan to run', () => commandLine(orphan.pid ?? 0).includes('etcd'));
    const second = supervise();
    await second.start();
    await until('its end', () => orphan.signalCode !== null || orphan.exitCode !== null);
    await second.stop();
    const innocent = spawn('sleep', ['60'], { stdio: 'ignore' });
    writeFileSync(`${options.dataDir}.pid`, `${innocent.pid}\n`);
    await supervise().start();
    expect(innocent.exitCode).toBeNull();
    innocent.kill('SIGKILL');
  });

  it('starts anew when its very first start was cut short, and only then', async () => {
    const keep = supervise();
    for (let n = 0; n < 3; n += 1) {
      const starting = keep.start().catch(() => null);
      await until('its process', () => keep.status().pid !== null);
      await until('the first journal', () => existsSync(join(options.dataDir, 'member', 'wal')));
      kill(keep, 'SIGKILL');
      await keep.stop();
      await starting;
    }
    await keep.start();
    const client = createEtcdClient({ endpoints: () => [options.clientUrl], tls: pki.tls, log: silentLogger() });
    await client.call('KV.Put', { key: Buffer.from('k'), value: Buffer.from('v') }, { retry: 'unsent' });
    kill(keep, 'SIGKILL');
    await until('the restart', () => keep.status().crashes === 1 && keep.status().state === 'ready');
    expect((await client.call('KV.Range', { key: Buffer.from('k') }, { retry: 'safe' })).kvs).toHaveLength(1);
    client.close();
  });

  it('leaves no etcd behind when its own process gets kill -9', async () => {
    const parent = join(directory, 'parent.ts');
    const source = new URL('./supervisor.ts', import.meta.url).pathname;
    const logger = new URL('../../lib/logger.ts', import.meta.url).pathname;
    writeFileSync(
      parent,
      `import { createEtcdSupervisor } from ${JSON.stringify(source)};
       import { silentLogger } from ${JSON.stringify(logger)};
       const supervisor = createEtcdSupervisor({ ...${JSON.stringify(options)}, binary: 'etcd', log: silentLogger() });
       supervisor.start().then(() => console.log('pid', supervisor.status().pid));`,
    );
    const daemon = spawn(process.execPath, ['--import', 'tsx', parent], { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    daemon.stdout.on('data', (chunk) => {
      output += String(chunk);
    });
    await until('the daemon and its etcd', () => /pid \d+/.test(output), 20_000);
    const pid = Number(/pid (\d+)/.exec(output)?.[1]);
    expect(commandLine(pid)).toContain(options.dataDir);
    daemon.kill('SIGKILL');
    await until('etcd to end with its parent', () => commandLine(pid) === '');
  });

  it('does not start a removed member again', async () => {
    const etcd = await startTestEtcd({ size: 3, strictReconfigCheck: false });
    try {
      const client = etcd.client();
      const [, , third] = etcd.members;
      const exits: string[] = [];
      third?.supervisor.onExit(({ reason }) => exits.push(reason));
      const id = (await listMembers(client)).find(({ name }) => name === third?.name)?.id ?? '';
      await removeMember(client, id);
      await until('its end', () => third?.supervisor.status().state === 'removed');
      expect(exits).toEqual(['removed']);
      await expect(third?.supervisor.start()).rejects.toThrow('removed');
      expect(third?.supervisor.status()).toMatchObject({ state: 'removed', pid: null });
    } finally {
      await etcd.stop();
    }
  });
});

describe('flags follow the version', () => {
  const member: EtcdMemberOptions = {
    name: 'a',
    dataDir: '/d',
    peerUrl: 'https://h:1',
    clientUrl: 'https://h:2',
    tls: { ca: 'ca', cert: 'c', key: 'k' },
    initialCluster: 'a=https://h:1',
    initialClusterState: 'new',
    clusterToken: 't',
    heartbeatMs: 100,
    electionMs: 1000,
    quotaBytes: 1,
  };
  it.each([
    [4, '--experimental-peer-skip-client-san-verification=true'],
    [5, '--experimental-peer-skip-client-san-verification=true'],
    [6, '--peer-skip-client-san-verification=true'],
  ])('3.%i', (minor, skip) => {
    const flags = etcdFlags(member, { major: 3, minor, patch: 30 });
    expect(flags).toContain(skip);
    expect(flags).toContain('--pre-vote=true');
    expect(flags).toContain('--peer-client-cert-auth=true');
    expect(flags).toContain('--client-cert-auth=true');
    expect(flags.filter((flag) => flag.includes('metrics-urls'))).toEqual([]);
  });
});

describe('log lines of etcd', () => {
  it('are bounded, mapped and remembered', async () => {
    const log = createLogger({ level: 'silent', format: 'json' });
    const seen: string[] = [];
    for (const level of ['debug', 'warn', 'error', 'fatal'] as const) {
      log[level] = ((_fields: object, text: string) => seen.push(`${level} ${text}`)) as never;
    }
    const stream = new PassThrough();
    const lines = pipeLogLines(stream, log);
    stream.write('{"level":"info","ts":"x","msg":"hello"}\n{"level":"fatal","msg":"bad","error":"po');
    stream.write('rt"}\nnot json\n');
    stream.write('x'.repeat(10_000));
    stream.write(
      `${'y'.repeat(10_000)}\n{"level":"warn","msg":"the member has been permanently removed from the cluster"}`,
    );
    stream.end();
    await new Promise((resolve) => stream.once('close', resolve));
    expect(seen.map((line) => line.slice(0, 30))).toEqual([
      'debug etcd: hello',
      'fatal etcd: bad: port',
      'warn etcd: not json',
      `warn etcd: ${'x'.repeat(19)}`,
      'warn etcd: the member has been',
    ]);
    expect(lines.last().every((line) => line.length <= 4096)).toBe(true);
    expect(lines.sawRemoval()).toBe(true);
  });
});
