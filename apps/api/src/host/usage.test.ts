import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestHost, type TestHost } from './testing';

let host: TestHost;
beforeAll(() => {
  host = createTestHost();
});
afterAll(() => host.close());

const TOKEN = `qj_${'a'.repeat(43)}`;
const FINGERPRINT = 'b'.repeat(64);
const URL_FLAG = ['--url', 'https://10.0.0.1:7000'];
const CA_FLAG = ['--ca-fingerprint', `sha256:${FINGERPRINT}`];

describe('quorated join refuses a wrong call with exit code 2, naming the cure', () => {
  it.each<[string, string[], RegExp]>([
    ['nothing at all', [], /give the join string HOST:PORT\/TOKEN\/FINGERPRINT/],
    [
      'two token sources',
      [...URL_FLAG, '--token', TOKEN, '--token-path', 'f', ...CA_FLAG],
      /exactly one token source, --token or --token-path/,
    ],
    ['no token source', [...URL_FLAG, ...CA_FLAG], /exactly one token source: --token-path FILE or --token TOKEN/],
    ['no URL', ['--token', TOKEN, ...CA_FLAG], /--url https:\/\/HOST:PORT is missing/],
    ['no fingerprint', [...URL_FLAG, '--token', TOKEN], /--ca-fingerprint sha256:HEX is missing/],
    ['both forms', [`10.0.0.1:7000/${TOKEN}/${FINGERPRINT}`, ...URL_FLAG], /either the join string or --url/],
    ['a cut join string', [`10.0.0.1:7000/${TOKEN}`], /three parts/],
    ['a short token', [`10.0.0.1:7000/qj_abc/${FINGERPRINT}`], /3 characters after qj_/],
    [
      'a short fingerprint',
      [...URL_FLAG, '--token', TOKEN, '--ca-fingerprint', 'sha256:abc'],
      /3 digits; 64 hex digits/,
    ],
    ['a URL without a port', ['--url', 'https://10.0.0.1', '--token', TOKEN, ...CA_FLAG], /is not host:port/],
    ['an id out of range', [`127.0.0.1:7000/${TOKEN}/${FINGERPRINT}`, '--id', '64'], /--id: node\.id: .*1 to 63/],
    [
      'an unknown key',
      [`127.0.0.1:7000/${TOKEN}/${FINGERPRINT}`, '--set', 'api.adress=127.0.0.1:1'],
      /did you mean api\.address/,
    ],
    ['an unknown flag', ['--tokn', 'x'], /--token/],
    [
      'an address that the cluster cannot reach',
      [`10.0.0.1:7000/${TOKEN}/${FINGERPRINT}`, '--set', 'cluster.address=127.0.0.1:7000'],
      /cannot reach this node at 127\.0\.0\.1:7000.*--set cluster\.address/,
    ],
  ])('%s', async (_name, args, message) => {
    const { code, stdout, stderr } = await host.quorated(['join', '--config', join(host.dir, 'absent.yaml'), ...args]);
    expect(stderr).toMatch(message);
    expect(stderr).not.toContain('    at ');
    expect(stderr).not.toContain(TOKEN);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });
});

describe('quorated init-config', () => {
  it('writes a file that loads, and replaces one only when told to', async () => {
    const file = join(host.dir, 'made/quorate.yaml');
    expect((await host.quorated(['init-config', file])).code).toBe(0);
    expect(readFileSync(file, 'utf8')).toContain('# host:port to listen on.');
    expect(statSync(file).mode & 0o777).toBe(0o640);
    const view = await host.quorated(['config', 'view', '--origin', '--config', file]);
    expect(view).toMatchObject({ code: 0, stderr: '' });
    expect(view.stdout).toMatch(/address: 127\.0\.0\.1:8440 +# .*quorate\.yaml:\d+:\d+/);
    const again = await host.quorated(['init-config', file]);
    expect(again.code).toBe(1);
    expect(again.stderr).toMatch(/exists; give --force to replace it/);
    expect((await host.quorated(['init-config', file, '--force'])).code).toBe(0);
  });

  it('prints it for "-"', async () => {
    const { code, stdout } = await host.quorated(['init-config', '-']);
    expect(code).toBe(0);
    expect(stdout).toContain('cluster:\n');
  });
});

describe('help', () => {
  it.each([
    ['srve', 'serve', ['srve', '--help']],
    ['initt', 'init', ['pki', 'initt', '-h']],
  ])(
    'of a command that does not exist (%s) is a wrong call, with the one that was meant',
    async (word, meant, args) => {
      const { code, stdout, stderr } = await host.quorated(args);
      expect(stderr).toMatch(new RegExp(`unknown command '${word}'\\s+\\(Did you mean ${meant}\\?\\)`));
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    },
  );

  it('of one that exists is none', async () => {
    for (const args of [['--help'], ['pki', '--help'], ['serve', '--help']]) {
      expect(await host.quorated(args)).toMatchObject({ code: 0, stderr: '' });
    }
  });
});

describe('quorated pki', () => {
  it('says what is wrong with a file that is no certificate', async () => {
    const file = join(host.dir, 'no.pem');
    writeFileSync(file, 'hello');
    for (const command of ['inspect', 'fingerprint']) {
      const { code, stderr } = await host.quorated(['pki', command, file]);
      expect(code).toBe(1);
      expect(stderr).toMatch(/no\.pem holds no PEM certificate; give a PEM file/);
    }
    const missing = await host.quorated(['pki', 'inspect', join(host.dir, 'absent.pem')]);
    expect(missing.stderr).toMatch(/absent\.pem cannot be read/);
  });
});
