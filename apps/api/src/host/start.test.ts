import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addressArgs, createTestHost, type TestHost, type TestNode, until } from './testing';

let host: TestHost;
/** A node that has run and was stopped: what is broken below is a copy of nothing but its directory. */
let first: TestNode;
beforeAll(async () => {
  host = createTestHost();
  first = await host.serve('first');
});
afterAll(() => host.close());

/** A start that fails: one line with the cure and no stack. */
async function refusal(args: readonly string[]): Promise<{ code: number | null; message: string }> {
  const { code, stdout, stderr } = await host.quorated(['serve', '--set', 'log.format=json', ...args]);
  expect(stdout).toBe('');
  expect(stderr).not.toMatch(/^\s+at /m);
  const lines = stderr.trim().split('\n');
  const parsed = JSON.parse(lines.at(-1) ?? '') as { level: number; msg: string };
  expect(parsed.level).toBe(60);
  return { code, message: parsed.msg };
}

const freshDir = (name: string): string => {
  const dir = join(host.dir, name);
  mkdirSync(dir);
  return dir;
};

describe('a start that cannot succeed says why and what to do', () => {
  it('refuses a second process on the same data directory', async () => {
    const { code, message } = await refusal(['--data-dir', first.dataDir, ...addressArgs(host.address())]);
    expect(message).toMatch(/another quorated runs with the data directory .*first: stop it/);
    expect(code).toBe(1);
  });

  it('names the key of a port that is in use', async () => {
    const { code, message } = await refusal(['--data-dir', freshDir('port'), ...addressArgs(first.address)]);
    expect(message).toMatch(
      /cannot listen on [\d.]+:8440: another program listens there: stop it, or set api\.address/,
    );
    expect(code).toBe(1);
  });

  it('names data_dir where no directory can be made or used, instead of trying for ever', async () => {
    const file = join(host.dir, 'a-file');
    writeFileSync(file, '');
    for (const [dir, reason] of [
      [
        '/proc/quorate',
        /data_dir \/proc\/quorate cannot be used \(ENOENT\): no directory can be made there; set data_dir/,
      ],
      [file, /data_dir .*a-file is a file: set data_dir to a directory/],
      [join(file, 'below'), /data_dir .*below cannot be used \(ENOTDIR\): a part of this path is a file/],
    ] as const) {
      const { code, message } = await refusal(['--data-dir', dir, ...addressArgs(host.address())]);
      expect(message).toMatch(reason);
      expect(code).toBe(1);
    }
    const made = await host.quorated(['pki', 'init', '/proc/quorate']);
    expect(made).toMatchObject({ code: 1, stderr: expect.stringMatching(/\/proc\/quorate cannot be used \(ENOENT\)/) });
  });

  it('says that nobody can add a node whose cluster address this host does not have', async () => {
    const sets = ['--set', 'cluster.address=192.0.2.1:7000', '--set', `api.address=${host.address()}:8440`];
    const running = host.start(['serve', '--data-dir', freshDir('foreign'), '--set', 'log.format=json', ...sets]);
    await running.says(
      /nobody can add this node, nor can it grow: cluster\.address \(192\.0\.2\.1:7000\).*EADDRNOTAVAIL/,
    );
    running.signal('SIGTERM');
    expect((await running.ended).code).toBe(0);
  });

  it('names the damaged part of node.json', async () => {
    const dir = freshDir('node-file');
    writeFileSync(join(dir, 'node.json'), '{"version":1,"node_id":99}');
    const { code, message } = await refusal(['--data-dir', dir, ...addressArgs(host.address())]);
    expect(message).toMatch(/node\.json is damaged at node_id: .*put it back from a copy/);
    expect(code).toBe(1);
  });

  it('names the file of the API certificate that cannot be used, before anything is begun', async () => {
    const dir = freshDir('api-tls');
    const pki = join(host.dir, 'first/pki');
    const file = (name: string, text: string): string => {
      writeFileSync(join(host.dir, name), text);
      return join(host.dir, name);
    };
    const own = { cert: join(pki, 'node.crt'), key: join(pki, 'node.key') };
    const foreign = file(
      'foreign.key',
      generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    );
    for (const [cert, key, reason] of [
      ['/nonexistent.pem', own.key, /api\.tls\.cert: \/nonexistent\.pem cannot be read \(ENOENT\)/],
      [file('junk.pem', 'junk'), own.key, /api\.tls\.cert: .*junk\.pem is not a certificate/],
      [own.cert, file('junk.key', 'junk'), /api\.tls\.key: .*junk\.key is not a private key/],
      [own.cert, foreign, /api\.tls\.key: .*foreign\.key does not belong to the first certificate/],
    ] as const) {
      const files = { 'api.tls.mode': 'files', 'api.tls.cert': cert, 'api.tls.key': key };
      const sets = Object.entries(files).flatMap(([name, value]) => ['--set', `${name}=${value}`]);
      const { code, message } = await refusal(['--data-dir', dir, ...addressArgs(host.address()), ...sets]);
      expect(message).toMatch(reason);
      expect(code).toBe(1);
      expect(readdirSync(dir)).toEqual([]);
    }
  });

  it('says what to do about a state file that is none', async () => {
    const dir = freshDir('no-database');
    writeFileSync(join(dir, 'state.db'), 'this is no database, whatever its name says'.repeat(100));
    const { code, message } = await refusal(['--data-dir', dir, ...addressArgs(host.address())]);
    expect(message).toMatch(/SQLITE_NOTADB.*move .*state\.db .*aside and put a copy from a backup in place/);
    expect(code).toBe(1);
  });

  it('refuses a state of a newer version', async () => {
    const dir = freshDir('newer');
    const db = new Database(join(dir, 'state.db'));
    db.exec('CREATE TABLE __drizzle_migrations (id INTEGER PRIMARY KEY, hash TEXT, created_at NUMERIC)');
    for (let id = 1; id <= 99; id++) db.prepare("INSERT INTO __drizzle_migrations VALUES (?, 'x', ?)").run(id, id);
    db.close();
    const { code, message } = await refusal(['--data-dir', dir, ...addressArgs(host.address())]);
    expect(message).toMatch(/written by a newer Quorate \(schema 99, this build knows \d+\); run that version/);
    expect(code).toBe(1);
  });

  it('exits with 2 and every problem of a configuration', async () => {
    const file = join(host.dir, 'bad.yaml');
    writeFileSync(file, 'api:\n  adress: x\nlog: { level: loud }\n');
    const { code, stderr } = await host.quorated(['serve', '--config', file]);
    expect(stderr).toMatch(/bad\.yaml:2:3: api\.adress: unknown key; did you mean api\.address\?/);
    expect(stderr).toMatch(/log\.level/);
    expect(code).toBe(2);
  });

  it('shows the stack only at log.level debug', async () => {
    const args = ['--data-dir', first.dataDir, '--set', 'log.level=debug', '--set', 'log.format=json'];
    const { stderr } = await host.quorated(['serve', ...args]);
    expect(stderr).toContain('DirectoryLocked');
  });
});

describe('stopping', () => {
  it('ends with 0 at the first signal and at once at the second', async () => {
    const node = await host.serve('signals');
    // A request that never ends keeps the orderly stop waiting.
    const socket = connect(8440, node.address);
    socket.write(`GET /v1/setup HTTP/1.1\r\nhost: ${node.address}\r\ncontent-length: 5\r\n\r\n`);
    await until('connected', () => !socket.connecting);
    node.running.signal('SIGTERM');
    await node.running.says(/a second signal ends it at once/);
    node.running.signal('SIGTERM');
    expect((await node.running.ended).code).toBe(143);
    socket.destroy();

    const again = host.start(['serve', ...node.args]);
    await again.says(/the console and the API are at/);
    again.signal('SIGINT');
    expect((await again.ended).code).toBe(0);
  });
});
