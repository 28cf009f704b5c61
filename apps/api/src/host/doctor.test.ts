import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Finding } from './doctor/finding';
import { addressArgs, createTestHost, mint, snapshotOf, type TestHost, type TestNode } from './testing';

// Several real nodes with their etcd on one machine: a busy one gets its time.
vi.setConfig({ testTimeout: 90_000, hookTimeout: 60_000 });

let host: TestHost;
let node: TestNode;
beforeAll(async () => {
  host = createTestHost();
  node = await host.serve('patient');
});
afterAll(() => host.close());

interface Report {
  readonly code: number | null;
  readonly checks: readonly Finding[];
  /** The worst finding of a check. */
  of(check: string): Finding | undefined;
}

async function doctor(args: readonly string[]): Promise<Report> {
  const { code, stdout, stderr } = await host.quorated(['doctor', '-o', 'json', ...args]);
  expect(stderr).toBe('');
  const { ok, checks } = JSON.parse(stdout) as { ok: boolean; checks: Finding[] };
  expect(ok).toBe(code === 0);
  expect(checks.filter(({ status, cure }) => status !== 'ok' && cure === '')).toEqual([]);
  const of = (check: string): Finding | undefined => {
    const found = checks.filter((finding) => finding.check === check);
    return found.find(({ status }) => status === 'fail') ?? found.find(({ status }) => status === 'warn') ?? found[0];
  };
  return { code, checks, of };
}

describe('quorated doctor', () => {
  it('finds nothing wrong with a node that runs, and says so in text, too', async () => {
    const { code, checks, of } = await doctor(node.args);
    expect(checks.filter(({ status }) => status !== 'ok')).toEqual([]);
    expect(code).toBe(0);
    expect(of('daemon')?.detail).toMatch(/runs: node 1, single/);
    expect(of(`port ${node.address}:8440`)?.detail).toMatch(/used by this node/);
    expect(of('state')?.detail).toMatch(/sound/);
    const text = await host.quorated(['doctor', ...node.args]);
    expect(text.stdout).toMatch(/^ok +configuration/m);
    expect(text.stdout).toMatch(/\d+ ok, 0 to look at, 0 failed\n$/);
  });

  it('knows what is wrong with the configuration', async () => {
    const file = join(host.dir, 'bad.yaml');
    writeFileSync(file, 'cluster: { mode: join }\n');
    const { code, checks } = await doctor(['--config', file]);
    expect(code).toBe(1);
    expect(checks.map(({ detail }) => detail).join('\n')).toMatch(/cluster\.join\.url: must be the https/);
  });

  it('sees a port that another program has', async () => {
    const address = host.address();
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(7001, address, resolve));
    const { code, of } = await doctor(['--data-dir', join(host.dir, 'none'), ...addressArgs(address)]);
    server.close();
    expect(of(`port ${address}:7001`)).toMatchObject({
      status: 'fail',
      detail: expect.stringMatching(/raft\.peer_address/),
    });
    expect(of(`port ${address}:7002`)?.status).toBe('ok');
    expect(code).toBe(1);
  });

  it('names a missing etcd: a warning for a single node, a failure for a joiner', async () => {
    const args = [
      '--data-dir',
      join(host.dir, 'none'),
      '--set',
      'raft.binary=no-such-etcd',
      ...addressArgs(host.address()),
    ];
    expect((await doctor(args)).of('etcd')).toMatchObject({
      status: 'warn',
      cure: expect.stringMatching(/apt-get install etcd-server/),
    });
    const joinSets = ['cluster.mode=join', 'cluster.join.url=https://127.0.0.1:1', 'cluster.join.token_path=/nowhere'];
    const sets = [...joinSets, `cluster.join.ca_fingerprint=sha256:${'0'.repeat(64)}`].flatMap((pair) => [
      '--set',
      pair,
    ]);
    const joining = await doctor([...args, ...sets]);
    expect(joining.of('etcd')?.status).toBe('fail');
    expect(joining.of('identity')).toMatchObject({
      status: 'fail',
      detail: expect.stringMatching(/token file \/nowhere is not there/),
    });
  });

  it('examines a member that runs or not, and what is broken about it', async () => {
    await mint(node.dataDir);
    const running = await doctor(node.args);
    expect(running.of('daemon')?.detail).toMatch(/raft/);
    expect(running.of('own address')).toMatchObject({ status: 'ok' });
    expect(running.code).toBe(0);

    node.running.signal('SIGTERM');
    await node.running.ended;
    const stopped = await doctor(node.args);
    expect(stopped.of('daemon')).toMatchObject({ status: 'warn', detail: 'does not run' });
    expect(stopped.of('certificate')?.status).toBe('ok');
    expect(stopped.code).toBe(0);
    const untouched = snapshotOf(join(node.dataDir, 'pki'));

    const moved = await doctor([...node.args, ...addressArgs('127.0.0.99')]);
    expect(moved.of('certificate')).toMatchObject({
      status: 'fail',
      detail: expect.stringMatching(/does not name 127\.0\.0\.99/),
    });

    const key = join(node.dataDir, 'pki/node.crt');
    renameSync(key, `${key}.away`);
    const partial = await doctor(node.args);
    expect(partial.of('identity')).toMatchObject({
      status: 'fail',
      cure: expect.stringMatching(/remove node 1 from the cluster, remove .*node\.json/),
    });
    renameSync(`${key}.away`, key);

    const raft = join(node.dataDir, 'raft');
    renameSync(raft, `${raft}.away`);
    expect((await doctor(node.args)).of('identity')).toMatchObject({
      status: 'fail',
      detail: expect.stringMatching(/journal .* is gone/),
    });
    renameSync(`${raft}.away`, raft);

    const file = join(node.dataDir, 'node.json');
    const text = readFileSync(file, 'utf8');
    writeFileSync(file, text.replace('"complete"', '"admitted"'));
    expect((await doctor(node.args)).of('identity')).toMatchObject({
      status: 'warn',
      cure: expect.stringMatching(/resumes by the same key\. To give up: on a member, quorate cluster remove 1/),
    });
    writeFileSync(file, '{');
    expect((await doctor(node.args)).of('identity')).toMatchObject({
      status: 'fail',
      detail: expect.stringMatching(/not valid JSON/),
    });
    writeFileSync(file, text);

    writeFileSync(join(node.dataDir, 'state.db'), 'no database'.repeat(500));
    rmSync(join(node.dataDir, 'state.db-wal'), { force: true });
    expect((await doctor(node.args)).of('state')).toMatchObject({
      status: 'fail',
      cure: expect.stringMatching(/fetches the state from another member/),
    });
    expect(snapshotOf(join(node.dataDir, 'pki'))).toEqual(untouched);
  });

  it('says that a data directory is a file', async () => {
    const path = join(host.dir, 'file');
    mkdirSync(host.dir, { recursive: true });
    writeFileSync(path, '');
    const { code, of } = await doctor(['--data-dir', path, ...addressArgs(host.address())]);
    expect(of('data directory')).toMatchObject({ status: 'fail', detail: expect.stringMatching(/is a file/) });
    expect(code).toBe(1);
  });
});
