import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, get, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BalancerReport } from '@quorate/shared/haproxy-balancers';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ensureBuilt, eventually, start } from '../testing/cli';
import { listen, type Stub } from '../testing/server';
import { processInfo, runningServers } from './runtime-api';

const LIMIT_MS = 20_000;
const etagOf = (text: string): string => `"${createHash('sha256').update(text).digest('hex').slice(0, 32)}"`;

interface Replica {
  readonly slot: number;
  readonly port: number;
  readonly disabled?: boolean;
}

/** What the API gives out: a text, its ETag, events, and an ear for reports. */
class Cluster {
  text = '';
  readonly reports: BalancerReport[] = [];
  readonly streams = new Set<ServerResponse>();
  stubs: Stub[] = [];

  async open(count: number): Promise<void> {
    for (let n = 0; n < count; n++)
      this.stubs.push(await listen((request, response) => this.answer(request, response)));
  }
  get urls(): string {
    return this.stubs.map(({ url }) => url).join(',');
  }
  get last(): BalancerReport | undefined {
    return this.reports.at(-1);
  }
  private answer(request: Parameters<Parameters<typeof listen>[0]>[0], response: ServerResponse): void {
    if (request.url?.startsWith('/v1/haproxy/config')) {
      const etag = etagOf(this.text);
      const known = request.headers['if-none-match'] === etag;
      response.writeHead(known ? 304 : 200, { etag, 'content-type': 'text/plain' }).end(known ? undefined : this.text);
    } else if (request.url?.startsWith('/v1/events/stream')) {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(': hello\n\n');
      this.streams.add(response);
    } else if (request.method === 'PUT') {
      let body = '';
      request.on('data', (chunk) => (body += chunk));
      request.on('end', () => {
        this.reports.push(JSON.parse(body));
        response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
      });
    } else response.writeHead(404).end();
  }
}

let folder = '';
let cluster: Cluster;
let replicas: Server[];
let ports: number[];
let port = 0;
const children: ChildProcess[] = [];
const at = (name: string): string => join(folder, name);

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((done) => child.once('exit', done));
  child.kill(signal);
  await ended;
}

/** As Quorate writes it, cut down to what counts here. */
function config(list: readonly Replica[], more: { frontends?: readonly string[]; comment?: string } = {}): string {
  return [
    `# ${more.comment ?? 'made from the live membership'}`,
    'global',
    `    stats socket ${at('admin.sock')} mode 600 level admin expose-fd listeners`,
    'defaults',
    '    mode http',
    '    timeout connect 2s',
    '    timeout client 10s',
    '    timeout server 10s',
    'frontend publish_web',
    `    bind 127.0.26.1:${port}`,
    ...(more.frontends ?? []),
    '    default_backend service_web',
    'backend service_web',
    // Not in turn: of two that ask in turn each would always meet the same server.
    '    balance random',
    '    retries 3',
    '    option redispatch 1',
    '    default-server check inter 1000ms rise 1 fall 2 on-marked-down shutdown-sessions',
    ...list.map((replica) => {
      const disabled = replica.disabled ? ' disabled' : '';
      return `    server web-${replica.slot} 127.0.26.2:${replica.port} id ${replica.slot + 1}${disabled}`;
    }),
    '',
  ].join('\n');
}
const replica = (slot: number, more: Partial<Replica> = {}): Replica => ({ slot, port: ports[slot] ?? 0, ...more });

/** Who answers: the number of the replica, or why nobody did. */
function ask(): Promise<string> {
  return new Promise((resolve) => {
    const request = get({ host: '127.0.26.1', port, agent: false, timeout: 5_000 }, (response) => {
      let body = '';
      response.on('data', (chunk) => (body += chunk));
      response.once('error', (error) => resolve(error.message));
      response.once('end', () => resolve(response.statusCode === 200 ? body : `status ${response.statusCode}`));
    });
    request.once('timeout', () => request.destroy(new Error('timed out')));
    request.once('error', (error) => resolve(error.message));
  });
}
async function answering(requests = 30): Promise<string[]> {
  const answers = new Set<string>();
  for (let n = 0; n < requests; n++) answers.add(await ask());
  return [...answers].sort();
}

const pid = async (): Promise<number> => (await processInfo(at('admin.sock'))).pid;
const reloads = (): number => (existsSync(at('reloads')) ? readFileSync(at('reloads'), 'utf8').length : 0);
const file = (): string => readFileSync(at('haproxy.cfg'), 'utf8');

function writeScript(name: string, lines: readonly string[]): string {
  writeFileSync(at(name), `#!/bin/sh\n${lines.join('\n')}\n`);
  chmodSync(at(name), 0o755);
  return at(name);
}

interface Watch {
  readonly child: ChildProcess;
  said(): string;
}
function watch(...more: string[]): Watch {
  let said = '';
  const child = start(
    [
      ...['--server', cluster.urls, '--token', 'qa_test', '--timeout', '3s', 'haproxy', 'watch', '--name', 'lb-1'],
      ...['--out', at('haproxy.cfg'), '--reload', at('reload.sh'), '--interval', '200ms', '--reload-interval', '0s'],
      ...['--command-timeout', '4s', ...more],
    ],
    { env: { HOME: folder } },
  );
  children.push(child);
  child.stderr?.on('data', (chunk) => (said += chunk));
  return { child, said: () => said };
}

/** Until the newest text was reported as the wanted outcome. */
async function reported(
  state: BalancerReport['state'],
  text: string | undefined,
  from: Watch,
): Promise<BalancerReport> {
  const wanted = text === undefined ? undefined : etagOf(text);
  return eventually(`${state} is reported`, LIMIT_MS, () => {
    if (from.child.exitCode !== null) throw new Error(`the watch ended: ${from.said()}`);
    const { last } = cluster;
    return last?.state === state && (wanted === undefined || last.etag === wanted) ? last : undefined;
  });
}

async function runHaproxy(): Promise<void> {
  const child = spawn('haproxy', ['-W', '-db', '-f', at('haproxy.cfg')], { stdio: 'ignore' });
  children.push(child);
  writeFileSync(at('pid'), String(child.pid));
  await eventually('HAProxy answers', LIMIT_MS, async () => (await pid().catch(() => 0)) || undefined);
}

beforeAll(async () => {
  await ensureBuilt(['cli']);
  replicas = await Promise.all(
    [0, 1, 2].map(async (slot) => {
      const server = createServer((_, response) => response.end(String(slot)));
      await new Promise<void>((ready) => server.listen(0, '127.0.26.2', ready));
      return server;
    }),
  );
  ports = replicas.map((server) => (server.address() as AddressInfo).port);
});
afterAll(() => replicas.map((server) => server.close()));
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'quorate-watch-'));
  const free = createServer();
  await new Promise<void>((ready) => free.listen(0, '127.0.26.1', ready));
  port = (free.address() as AddressInfo).port;
  await new Promise((closed) => free.close(closed));
  cluster = new Cluster();
  await cluster.open(1);
  writeScript('reload.sh', [`printf x >> ${at('reloads')}`, `kill -USR2 $(cat ${at('pid')})`]);
});
afterEach(async () => {
  for (const child of children.splice(0).reverse()) await end(child, 'SIGKILL');
  for (const stub of cluster.stubs) await stub.close();
  rmSync(folder, { recursive: true, force: true });
});

describe('quorate haproxy watch with a real HAProxy', () => {
  it('changes servers without a reload and without a lost request, and reloads for anything else', async () => {
    writeFileSync(at('haproxy.cfg'), config([replica(0)]), { mode: 0o640 });
    await runHaproxy();
    cluster.text = config([replica(0)], { comment: 'the first from the cluster' });
    const running = watch();
    expect(await reported('applied', cluster.text, running)).toMatchObject({ via: 'reload', made_for: null });
    expect(reloads()).toBe(1);
    const first = await pid();

    let asking = true;
    const failures: string[] = [];
    const load = (async () => {
      while (asking) {
        const answer = await ask();
        if (!/^\d$/.test(answer)) failures.push(answer);
      }
    })();

    // More servers.
    cluster.text = config([replica(0), replica(1), replica(2)]);
    expect(await reported('applied', cluster.text, running)).toMatchObject({ via: 'runtime' });
    expect(await answering()).toEqual(['0', '1', '2']);
    // One drains, and another slot has moved.
    cluster.text = config([replica(0, { disabled: true }), replica(1), replica(2, { port: ports[1] ?? 0 })]);
    await reported('applied', cluster.text, running);
    expect(await answering()).toEqual(['1']);
    // One is gone, one is back.
    cluster.text = config([replica(1), replica(2)]);
    await reported('applied', cluster.text, running);
    expect(await answering()).toEqual(['1', '2']);
    expect([...((await runningServers(at('admin.sock'))).get('service_web')?.keys() ?? [])]).toEqual([
      'web-1',
      'web-2',
    ]);
    // Only words for people.
    cluster.text = config([replica(1), replica(2)], { comment: 'renamed' });
    expect(await reported('applied', cluster.text, running)).toMatchObject({ via: 'file' });
    expect(file()).toBe(cluster.text);
    expect([await pid(), reloads()]).toEqual([first, 1]);

    // Another rule for requests.
    cluster.text = config([replica(1), replica(2)], { frontends: ['    http-request set-header X-New 1'] });
    expect(await reported('applied', cluster.text, running)).toMatchObject({ via: 'reload' });
    expect(reloads()).toBe(2);
    expect(await pid()).not.toBe(first);
    asking = false;
    await load;
    expect(failures).toEqual([]);
    expect(statSync(at('haproxy.cfg')).mode & 0o777).toBe(0o640);
    expect(cluster.last?.haproxy_version).toMatch(/^\d+\.\d+/);
  }, 60_000);

  it('reloads when HAProxy does not run what the file says after all', async () => {
    writeFileSync(at('haproxy.cfg'), config([replica(0), replica(1)]));
    await runHaproxy();
    cluster.text = config([replica(0), replica(1)]);
    const running = watch();
    await reported('applied', cluster.text, running);
    // Somebody has taken a server out by hand: the next change finds out.
    const { askHaproxy } = await import('./runtime-api');
    await askHaproxy(at('admin.sock'), 'set server service_web/web-1 state maint');
    cluster.text = config([replica(0), replica(1), replica(2)]);
    expect(await reported('applied', cluster.text, running)).toMatchObject({ via: 'reload' });
    expect(running.said()).toContain('service_web/web-1 is out of use');
    expect(await answering()).toEqual(['0', '1', '2']);
  }, 60_000);

  it('keeps what HAProxy would refuse out of the file, and goes back when a reload fails', async () => {
    const good = config([replica(0)]);
    writeFileSync(at('haproxy.cfg'), good);
    await runHaproxy();
    cluster.text = good;
    const running = watch();
    await reported('applied', good, running);
    const first = await pid();

    cluster.text = config([replica(0)], { frontends: ['    no-such-directive on'] });
    const refused = await reported('rejected', good, running);
    expect(refused.detail).toMatch(/haproxy\.cfg:\d+.*no-such-directive/);
    expect([file(), await pid(), reloads()]).toEqual([good, first, 1]);

    // It says that all is well, but the old process goes on: found out through the runtime API.
    writeScript('reload.sh', [`printf x >> ${at('reloads')}`]);
    cluster.text = config([replica(1)], { frontends: ['    http-request set-header X-New 1'] });
    const unnoticed = await reported('reload_failed', good, running);
    expect(unnoticed.detail).toContain('the old process still runs');
    expect([file(), await answering(4), await pid()]).toEqual([good, ['0'], first]);

    writeScript('reload.sh', [`printf x >> ${at('reloads')}`, 'echo "error: no such unit" >&2', 'exit 3']);
    cluster.text = config([replica(1)], { frontends: ['    http-request set-header X-New 2'] });
    const failed = await eventually('the status is reported', LIMIT_MS, () =>
      cluster.last?.detail.includes('status 3') ? cluster.last : undefined,
    );
    expect(failed).toMatchObject({ state: 'reload_failed', etag: etagOf(good) });
    expect(failed.detail).toContain('no such unit');
    expect(file()).toBe(good);

    writeScript('reload.sh', [`printf x >> ${at('reloads')}`, `kill -USR2 $(cat ${at('pid')})`]);
    cluster.text = config([replica(2)], { frontends: ['    http-request set-header X-New 3'] });
    await reported('applied', cluster.text, running);
    expect(await answering(4)).toEqual(['2']);
  }, 90_000);

  it('is killed at the worst moments: the file is whole, and the next one brings HAProxy up to date', async () => {
    const old = config([replica(0)]);
    writeFileSync(at('haproxy.cfg'), old);
    await runHaproxy();
    cluster.text = old;
    const settled = watch();
    await reported('applied', old, settled);
    await end(settled.child, 'SIGTERM');
    expect(settled.child.exitCode).toBe(0);
    const next = config([replica(1)], { frontends: ['    http-request set-header X-New 1'] });
    cluster.text = next;

    // Between writing and replacing.
    const slowCheck = writeScript('check.sh', [`touch ${at('checking')}`, 'exec sleep 30']);
    const first = watch('--validate', slowCheck, '--command-timeout', '30s');
    await eventually('it checks', LIMIT_MS, () => existsSync(at('checking')) || undefined);
    await end(first.child, 'SIGKILL');
    expect(file()).toBe(old);
    expect(readdirSync(folder).some((name) => /^haproxy\.cfg\.[0-9a-f]{12}$/.test(name))).toBe(true);

    // Between replacing and the end of the reload.
    const before = reloads();
    const slowReload = writeScript('slow.sh', [`touch ${at('reloading')}`, 'exec sleep 30']);
    const second = watch('--reload', slowReload, '--command-timeout', '30s');
    await eventually('it reloads', LIMIT_MS, () => existsSync(at('reloading')) || undefined);
    await end(second.child, 'SIGKILL');
    expect([file(), readFileSync(at('haproxy.cfg.last-good'), 'utf8')]).toEqual([next, old]);

    const third = watch();
    await reported('applied', next, third);
    expect([reloads(), await answering(4)]).toEqual([before + 1, ['1']]);
    await end(third.child, 'SIGTERM');
    // What HAProxy runs is known now: nothing to do.
    const fourth = watch('--once');
    const status = await new Promise((done) => fourth.child.once('exit', done));
    expect([status, reloads()]).toEqual([0, before + 1]);
  }, 90_000);

  it('has its file for itself: another one for the same file ends, and says which process has it', async () => {
    cluster.text = config([replica(0)]);
    const quiet = ['--no-runtime', '--reload', 'true'];
    const first = watch(...quiet);
    await reported('applied', cluster.text, first);
    symlinkSync(at('haproxy.cfg'), at('link.cfg'));
    for (const name of ['haproxy.cfg', 'link.cfg']) {
      const second = watch(...quiet, '--once', '--out', at(name));
      const status = await new Promise((done) => second.child.once('exit', done));
      expect([status, second.said()]).toEqual([1, expect.stringContaining(`(process ${first.child.pid})`)]);
    }
    const other = watch(...quiet, '--once', '--out', at('other.cfg'));
    expect(await new Promise((done) => other.child.once('exit', done))).toBe(0);
    await end(first.child, 'SIGKILL');
    const next = watch(...quiet, '--once');
    expect(await new Promise((done) => next.child.once('exit', done))).toBe(0);
  }, 60_000);

  it('goes on with the next node when the one that it follows is gone', async () => {
    await cluster.open(2);
    cluster.text = config([replica(0)]);
    const running = watch('--validate', 'haproxy -c -f', '--no-runtime', '--reload', 'true');
    await reported('applied', cluster.text, running);
    for (const text of [config([replica(1)]), config([replica(2)])]) {
      await cluster.stubs.shift()?.close();
      cluster.text = text;
      await reported('applied', text, running);
      expect(file()).toBe(text);
    }
  }, 60_000);
});
