import { randomUUID } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { extract } from 'tar-stream';
import { afterEach, expect, it } from 'vitest';
import { createLogRing } from '../../lib/log-ring';
import { createLogger } from '../../lib/logger';
import { ADMIN, type ApiNode, startApiNode } from '../../testing/api-node';
import { redactSecrets } from './redact';

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

/** The files of a .tar.gz by their name without the folder. */
async function unpack(archive: Buffer): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  const entries = Readable.from([archive]).pipe(createGunzip()).pipe(extract());
  for await (const entry of entries) {
    const chunks: Buffer[] = [];
    for await (const chunk of entry) chunks.push(chunk as Buffer);
    files.set(entry.header.name.split('/')[1] ?? '', Buffer.concat(chunks).toString('utf8'));
  }
  return files;
}

async function bundleOf(api: ApiNode, token: string): Promise<Map<string, string>> {
  const response = await fetch(`${api.url}/v1/support-bundle`, { headers: { authorization: `Bearer ${token}` } });
  expect(response.status).toBe(200);
  expect(response.headers.get('content-disposition')).toMatch(
    /^attachment; filename="quorate-support-node-1-\d{8}T\d{6}\.tar\.gz"$/,
  );
  return unpack(Buffer.from(await response.arrayBuffer()));
}

it('has what helps and no secret of the node', async () => {
  const ring = createLogRing();
  const logger = createLogger({ level: 'debug', format: 'json', ring });
  const api = await startApiNode({
    logger,
    logTail: ring.lines,
    settings: { 'connector.url': 'wss://upstream:upstream-password@example.com/socket' },
  });
  cleanUps.push(() => api.stop());
  const session = await api.setUp();
  const minted = await api.call('POST', '/v1/api-tokens', { token: session, body: { name: 'ci', role: 'viewer' } });
  const hookPath = `/services/${randomUUID()}`;
  const hookBody = { name: 'chat', url: `https://127.0.0.1:1${hookPath}`, types: ['user.*'] };
  const hook = await api.call('POST', '/v1/webhooks', { token: session, body: hookBody });
  await api.call('POST', `/v1/webhooks/${hook.body.id}/test`, { token: session });
  await api.createUser(session, 'eve', 'viewer');
  // What a careless line might say.
  const joinToken = `qj_${'A'.repeat(43)}`;
  logger.info(
    `open it with the setup code ${api.node.setupCode}; join by 127.0.0.1:7000/${joinToken}/${'0'.repeat(64)}`,
  );
  logger.info({ password: 'hunter2-hunter2', authorization: `Bearer ${minted.body.token}` }, `sent ${session}`);

  const files = await bundleOf(api, session);
  expect([...files.keys()]).toEqual(
    expect.arrayContaining([
      'about.json',
      'config.yaml',
      'cluster.json',
      'checks.json',
      'journal.json',
      'state.json',
      'events.jsonl',
      'audit.jsonl',
      'metrics.txt',
      'log.jsonl',
      'webhooks.json',
    ]),
  );
  expect(files.get('log.jsonl')).toContain(
    'open it with the setup code [redacted]; join by 127.0.0.1:7000/qj_[redacted]/',
  );
  expect(files.get('config.yaml')).toContain('wss://[redacted]@example.com');
  expect(files.get('events.jsonl')).toContain('api_token.created');
  expect(files.get('audit.jsonl')).toContain('webhooks.create');
  expect(files.get('metrics.txt')).toContain('quorate_applied_index');
  expect(JSON.parse(files.get('webhooks.json') ?? '')).toMatchObject([{ name: 'chat', origin: 'https://127.0.0.1:1' }]);
  for (const [name, text] of files) expect(text, name).not.toContain('could not be made');

  const secrets = [ADMIN.password, 'the password of eve', session, minted.body.token, hook.body.secret, hookPath];
  secrets.push('upstream-password', joinToken, api.node.setupCode, 'hunter2-hunter2', ...secretsOnDisk(api.directory));
  const state = api.node.cluster.keyring;
  secrets.push(Buffer.from(state.sessionKeys()?.current.key ?? []).toString('base64url'), (await state.caKey()).trim());
  const all = [...files.values()].join('\n');
  for (const secret of secrets) {
    expect(String(secret).length).toBeGreaterThan(5);
    expect(all.includes(String(secret)), `a secret of ${String(secret).length} characters`).toBe(false);
  }
  expect(all).not.toMatch(/\$argon2|PRIVATE KEY|eyJ[\w-]{8,}\./);
});

/** Every private file of the node: keys whole, and line by line. */
function secretsOnDisk(directory: string): string[] {
  const pki = join(directory, 'pki');
  expect(existsSync(pki)).toBe(true);
  return readdirSync(pki)
    .filter((name) => /key/.test(name))
    .flatMap((name) => readFileSync(join(pki, name), 'utf8').split('\n'))
    .filter((line) => line.length > 20 && !line.startsWith('-----'));
}

it('is for admins', async () => {
  const api = await startApiNode();
  cleanUps.push(() => api.stop());
  const { token } = await api.createUser(await api.setUp(), 'eve', 'operator');
  expect((await api.call('GET', '/v1/support-bundle', { token })).status).toBe(403);
  expect((await api.call('GET', '/v1/support-bundle')).status).toBe(401);
});

it('redacts what looks like a secret wherever it stands, and nothing else', () => {
  const text = 'node-1 joined at 10.0.0.1:7000, fingerprint sha256:abc, index 12';
  expect(redactSecrets(text, [])).toBe(text);
  const pem = '-----BEGIN EC PRIVATE KEY-----\\nMHcCAQ\\n-----END EC PRIVATE KEY-----';
  expect(redactSecrets(`a ${pem} b`, [])).toBe('a [redacted] b');
  expect(redactSecrets('https://ada:pw@host/x Bearer abcdefgh12', [])).toBe(
    'https://[redacted]@host/x Bearer [redacted]',
  );
  expect(redactSecrets('the code ABCD-EFGH', ['ABCD-EFGH'])).toBe('the code [redacted]');
});

it('keeps the end of the log, bounded', () => {
  const ring = createLogRing();
  for (let n = 0; n < 5_000; n += 1) ring.stream.write(`line ${n}\n`);
  expect(ring.lines()).toHaveLength(2_000);
  expect(ring.lines().at(-1)).toBe('line 4999');
  for (let n = 0; n < 4; n += 1) ring.stream.write('x'.repeat(512 * 1024));
  expect(ring.lines().join('').length).toBeLessThanOrEqual(1024 * 1024);
});
