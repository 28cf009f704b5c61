import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Backup } from '@quorate/shared/backups';
import type { RestoreOperation } from '@quorate/shared/restore';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiNode, startApiNode } from '../../testing/api-node';
import { until } from '../../testing/until';

let node: ApiNode;
let token: string;
beforeAll(async () => {
  node = await startApiNode();
  token = await node.setUp();
});
afterAll(() => node?.stop());

const call = (method: string, path: string, body?: unknown) => node.call(method, path, { token, body });

async function settled(id: string): Promise<Backup> {
  let seen: Backup | undefined;
  await until(
    async () => {
      seen = (await call('GET', `/v1/backups/${id}`)).body as Backup;
      return ['completed', 'failed'].includes(seen.state) && seen.verification.state !== 'running';
    },
    `backup ${id} has ended`,
    60_000,
  );
  if (!seen) throw new Error('never seen');
  return seen;
}

async function make(body: unknown = {}): Promise<Backup> {
  const started = await call('POST', '/v1/backups', body);
  expect(started).toMatchObject({ status: 202, body: { state: 'queued', percent: 0 } });
  return settled(started.body.id as string);
}

async function restored(): Promise<RestoreOperation> {
  let operation: RestoreOperation | null = null;
  await until(
    async () => {
      operation = (await call('GET', '/v1/cluster/restore')).body.operation as RestoreOperation;
      return operation.state !== 'running';
    },
    'the restore has ended',
    60_000,
  );
  return operation as unknown as RestoreOperation;
}

const addToken = (name: string) => call('POST', '/v1/api-tokens', { name, role: 'viewer' });
const tokenNames = async (): Promise<string[]> =>
  ((await call('GET', '/v1/api-tokens')).body.items as { name: string }[]).map((one) => one.name).sort();
const folder = (): string[] => readdirSync(join(node.directory, 'backups'));
const events = async (type: string) => (await call('GET', `/v1/events?type=${type}`)).body.items as { data: object }[];

describe('backups on the disk of a node', () => {
  it('are made, listed, downloaded, verified, restored by id and deleted', async () => {
    await addToken('before');
    const made = await make({ note: 'first' });
    expect(made).toMatchObject({
      ...{ kind: 'manual', state: 'completed', stage: 'done', percent: 100, target: 'local', encryption: 'none' },
      ...{ node_id: 1, note: 'first', requested_by: 'ada', error: null, verification: { state: 'ok' } },
    });
    expect(made.file).toMatch(/^test-\d{8}T\d{6}Z-[0-9a-f]{8}\.db$/);
    expect(folder()).toEqual([made.file]);
    expect((await call('GET', '/v1/backups?kind=manual')).body.items).toMatchObject([{ id: made.id }]);

    const response = await fetch(`${node.url}/v1/backups/${made.id}/content`, {
      headers: { authorization: `Bearer ${token}` },
    });
    const bytes = Buffer.from(await response.arrayBuffer());
    expect(bytes.length).toBe(made.bytes);
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(made.sha256);
    expect(response.headers.get('content-disposition')).toContain(made.file);

    expect((await call('POST', `/v1/backups/${made.id}/verify`, {})).body.verification.state).toBe('running');
    expect((await settled(made.id)).verification).toMatchObject({ state: 'ok', detail: '' });

    await addToken('after');
    expect((await call('POST', `/v1/backups/${made.id}/restore`, {})).status).toBe(202);
    expect(await restored()).toMatchObject({ state: 'succeeded', error: null, source: made.file });
    expect(await tokenNames()).toEqual(['before']);
    // The restore has forgotten no backup.
    expect((await call('GET', `/v1/backups/${made.id}`)).body).toMatchObject({ state: 'completed' });

    // The copy from before is listed, and undoes the restore like any other.
    let copy: Backup | undefined;
    await until(async () => {
      copy = (await call('GET', '/v1/backups?kind=safety')).body.items[0] as Backup;
      return copy !== undefined;
    }, 'the safety copy is listed');
    // It protects the restore, not the cluster: what counts as its last backup is older.
    const { last_at } = (await call('GET', '/v1/cluster')).body.backups as { last_at: string | null };
    expect(Date.parse(last_at ?? '')).toBeLessThan(Date.parse(copy?.finished_at ?? ''));
    expect(copy).toMatchObject({ kind: 'safety', state: 'completed', node_id: 1, file: /^before-/ });
    expect((await call('POST', `/v1/backups/${copy?.id}/restore`, {})).status).toBe(202);
    await restored();
    expect(await tokenNames()).toEqual(['after', 'before']);

    expect((await call('DELETE', `/v1/backups/${made.id}`)).status).toBe(204);
    await until(() => folder().length === 0, 'the file is gone');
    await until(async () => (await call('GET', `/v1/backups/${made.id}`)).status === 404, 'the record is gone');
    for (const type of ['backup.started', 'backup.completed', 'backup.verified', 'backup.deleted'])
      expect(await events(type), type).toHaveLength(1);
  });

  it('are told to be damaged when they are', async () => {
    const made = await make();
    const path = join(node.directory, 'backups', made.file);
    const bytes = readFileSync(path);
    bytes[5000] = (bytes[5000] ?? 0) ^ 255;
    writeFileSync(path, bytes);
    await call('POST', `/v1/backups/${made.id}/verify`, {});
    expect((await settled(made.id)).verification).toMatchObject({ state: 'failed' });
    expect(await events('backup.damaged')).toHaveLength(1);
    await call('DELETE', `/v1/backups/${made.id}`);
  });

  it('are refused with the reason where they cannot be made or used', async () => {
    const none = '00000000-0000-7000-8000-000000000000';
    for (const [method, path] of [
      ['GET', ''],
      ['GET', '/content'],
      ['POST', '/verify'],
      ['POST', '/restore'],
      ['DELETE', ''],
    ] as const) {
      const answer = await call(method, `/v1/backups/${none}${path}`, method === 'POST' ? {} : undefined);
      expect(answer, path).toMatchObject({ status: 404, body: { code: 'not_found' } });
    }
    expect(await call('POST', '/v1/backups', { target: none })).toMatchObject({ status: 404 });
    expect(await call('POST', '/v1/backups', { target: 'elsewhere' })).toMatchObject({ status: 422 });
    expect(await call('POST', '/v1/backups', { node_id: 9 })).toMatchObject({ status: 404 });
  });
});

// The key derivation of a passphrase takes a second each time, more on a busy machine.
describe('encrypted backups', { timeout: 90_000 }, () => {
  const passphrase = 'correct horse battery staple';

  it('ask for the passphrase, and refuse a wrong one before anything changes', async () => {
    expect(await call('PUT', '/v1/backups/encryption', { mode: 'passphrase' })).toMatchObject({ status: 422 });
    const set = await call('PUT', '/v1/backups/encryption', { mode: 'passphrase', passphrase });
    expect(set).toMatchObject({ status: 200, body: { mode: 'passphrase', passphrase_set: true } });
    expect(JSON.stringify(set.body)).not.toContain(passphrase);
    const made = await make();
    expect(made).toMatchObject({ state: 'completed', encryption: 'passphrase' });
    const path = join(node.directory, 'backups', made.file);
    expect(readFileSync(path).toString('latin1', 0, 21)).toBe('age-encryption.org/v1');
    expect(existsSync(path.replace('.age', ''))).toBe(false);

    const epoch = (await call('GET', '/v1/cluster')).body.epoch as number;
    const restore = (body: object) => call('POST', `/v1/backups/${made.id}/restore`, body);
    expect(await restore({})).toMatchObject({ status: 422, body: { code: 'backup_encrypted' } });
    expect(await restore({ key: 'a wrong one' })).toMatchObject({ status: 422, body: { code: 'backup_wrong_key' } });
    expect((await call('GET', '/v1/cluster')).body.epoch).toBe(epoch);
    await call('POST', `/v1/backups/${made.id}/verify`, {});
    expect((await settled(made.id)).verification.state).toBe('ok');
    expect((await restore({ key: passphrase })).status).toBe(202);
    expect(await restored()).toMatchObject({ state: 'succeeded', epoch: epoch + 1 });
  });

  it('open with the identity of a recipient', async () => {
    const identity = await generateIdentity();
    const recipients = [await identityToRecipient(identity)];
    const bad = await call('PUT', '/v1/backups/encryption', { mode: 'recipients', recipients: ['age1qqqqqqqqqqqq'] });
    expect(bad).toMatchObject({ status: 422, body: { errors: [{ pointer: '/recipients/0' }] } });
    expect((await call('PUT', '/v1/backups/encryption', { mode: 'recipients', recipients })).status).toBe(200);
    const made = await make();
    await call('POST', `/v1/backups/${made.id}/verify`, {});
    expect((await settled(made.id)).verification.state).toBe('checksum_only');
    await call('POST', `/v1/backups/${made.id}/verify`, { key: identity });
    expect((await settled(made.id)).verification.state).toBe('ok');
    const epoch = (await call('GET', '/v1/cluster')).body.epoch as number;
    expect((await call('POST', `/v1/backups/${made.id}/restore`, { key: identity })).status).toBe(202);
    expect(await restored()).toMatchObject({ state: 'succeeded' });
    // The same file as an upload.
    const headers = {
      'content-type': 'application/octet-stream',
      'x-quorate-backup-key': Buffer.from(identity).toString('base64url'),
    };
    const path = join(node.directory, 'backups', made.file);
    const upload = (where: string, change = {}) =>
      node.call('POST', where, { token, body: readFileSync(path), headers: { ...headers, ...change } });
    const wrong = { 'x-quorate-backup-key': Buffer.from(await generateIdentity()).toString('base64url') };
    expect((await upload('/v1/cluster/restore', wrong)).body.code).toBe('backup_wrong_key');
    const found = await upload('/v1/cluster/restore/inspect');
    expect(found).toMatchObject({ status: 200, body: { encrypted: true, this_cluster: true, index: made.index } });
    expect((await upload('/v1/cluster/restore')).status).toBe(202);
    expect(await restored()).toMatchObject({ state: 'succeeded', epoch: epoch + 2 });
    expect(readdirSync(join(node.directory, 'restore')).filter((file) => file.startsWith('work-'))).toEqual([]);
    await call('PUT', '/v1/backups/encryption', { mode: 'none' });
  });
});

it.each([
  ['schedule', { enabled: true, cron: '0 4 * * *' }, { enabled: true, cron: '0 5 * * *' }],
  ['encryption', { mode: 'passphrase', passphrase: 'a passphrase of mine' }, { mode: 'none' }],
])('takes a change of the %s from whoever saw what stands now', async (what, first, second) => {
  const path = `/v1/backups/${what}`;
  const put = (body: object, etag: string) => node.call('PUT', path, { token, body, headers: { 'if-match': etag } });
  const seen = (await call('GET', path)).headers.get('etag') ?? '';
  expect(seen).not.toBe('');
  const won = await put(first, seen);
  expect(won.status).toBe(200);
  expect(await put(second, seen)).toMatchObject({ status: 412, body: { code: 'precondition_failed' } });
  expect((await put(second, won.headers.get('etag') ?? '')).status).toBe(200);
});
