import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Backup } from '@quorate/shared/backups';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiNode, startApiNode } from '../../testing/api-node';
import { type S3Server, startS3Server } from '../../testing/s3-server';
import { until } from '../../testing/until';

async function made(node: ApiNode, token: string, body: unknown): Promise<Backup> {
  const started = await node.call('POST', '/v1/backups', { token, body });
  expect(started.status, started.text).toBe(202);
  let seen: Backup | undefined;
  await until(
    async () => {
      seen = (await node.call('GET', `/v1/backups/${started.body.id}`, { token })).body as Backup;
      return ['completed', 'failed'].includes(seen.state);
    },
    'the backup has ended',
    60_000,
  );
  return seen as Backup;
}

describe('backups in a bucket', () => {
  let node: ApiNode;
  let token: string;
  let server: S3Server;
  let id: string;
  const call = (method: string, path: string, body?: unknown) => node.call(method, path, { token, body });
  const target = (change: object = {}) => ({
    ...{ name: 'offsite', endpoint: server.endpoint, bucket: server.bucket, prefix: 'quorate/' },
    ...{ access_key_id: server.accessKeyId, secret_access_key: server.secretAccessKey },
    ...change,
  });
  beforeAll(async () => {
    server = await startS3Server();
    node = await startApiNode();
    token = await node.setUp();
  });
  afterAll(async () => {
    await node?.stop();
    await server?.stop();
  });

  it('says what is wrong with a target when it is tried', async () => {
    const added = await call('POST', '/v1/backups/targets', target({ secret_access_key: 'wrong' }));
    expect(added).toMatchObject({ status: 201, body: { name: 'offsite', backups: 0 } });
    expect(added.text).not.toContain('secret');
    id = added.body.id as string;
    const test = async () => (await call('POST', `/v1/backups/targets/${id}/test`)).body;
    expect(await test()).toMatchObject({ ok: false, error: /secret access key/ });
    await call('PATCH', `/v1/backups/targets/${id}`, {
      secret_access_key: server.secretAccessKey,
      bucket: 'elsewhere',
    });
    expect(await test()).toMatchObject({ ok: false, error: /create the bucket/ });
    await call('PATCH', `/v1/backups/targets/${id}`, { bucket: server.bucket });
    expect(await test()).toMatchObject({ ok: true, error: '' });
    expect(await call('POST', '/v1/backups/targets', target())).toMatchObject({ status: 409 });
    expect(await call('POST', '/v1/backups/targets', target({ endpoint: 's3.example.com' }))).toMatchObject({
      status: 422,
    });
    expect(await call('GET', '/v1/backups/targets')).toMatchObject({ body: { items: [{ id, bucket: 'backups' }] } });
  });

  it('stores, streams, verifies, restores and deletes them there, and leaves nothing on the disk', async () => {
    const backup = await made(node, token, { target: id });
    expect(backup).toMatchObject({ state: 'completed', target_name: 'offsite', error: null });
    expect(readdirSync(join(node.directory, 'backups'))).toEqual([]);
    const content = await fetch(`${node.url}/v1/backups/${backup.id}/content`, {
      headers: { authorization: `Bearer ${token}` },
    });
    const bytes = Buffer.from(await content.arrayBuffer());
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(backup.sha256);
    await call('POST', `/v1/backups/${backup.id}/verify`, {});
    await until(async () => {
      const { verification } = (await call('GET', `/v1/backups/${backup.id}`)).body as Backup;
      return verification.state === 'ok';
    }, 'it is verified');
    const refused = await call('DELETE', `/v1/backups/targets/${id}`);
    expect(refused).toMatchObject({ status: 409, body: { detail: expect.stringContaining('1 backup is stored') } });
    expect(await call('PATCH', `/v1/backups/targets/${id}`, { bucket: 'another' })).toMatchObject({ status: 409 });
    await call('POST', '/v1/api-tokens', { name: 'undone', role: 'viewer' });
    expect(await call('POST', `/v1/backups/${backup.id}/restore`, {})).toMatchObject({ status: 202 });
    await until(
      async () => (await call('GET', '/v1/cluster/restore')).body.operation.state === 'succeeded',
      'restored',
    );
    expect((await call('GET', '/v1/api-tokens')).body.items).toEqual([]);
    await call('DELETE', `/v1/backups/${backup.id}`);
    await until(async () => (await call('GET', `/v1/backups/${backup.id}`)).status === 404, 'it is deleted');
  });

  it('fails with the reason while the bucket is away, and so does a restore from there', async () => {
    const backup = await made(node, token, { target: id });
    await server.kill();
    const failed = await made(node, token, { target: id });
    expect(failed).toMatchObject({ state: 'failed', error: { code: 'backup_unavailable', detail: /ECONNREFUSED/ } });
    expect(readdirSync(join(node.directory, 'backups'))).toEqual([]);
    const { epoch } = (await call('GET', '/v1/cluster')).body;
    const restore = await call('POST', `/v1/backups/${backup.id}/restore`, {});
    expect(restore).toMatchObject({ status: 409, body: { code: 'backup_unavailable' } });
    expect((await call('GET', `/v1/backups/${backup.id}/content`)).body.code).toBe('backup_unavailable');
    expect((await call('GET', '/v1/cluster')).body.epoch).toBe(epoch);
    const { text } = await node.call('GET', '/metrics', { token });
    expect(text).toMatch(/^quorate_backup_failures 1$/m);
    await server.start();
    expect(await call('DELETE', `/v1/backups/targets/${id}?forget=true`)).toMatchObject({ status: 204 });
    expect((await call('GET', `/v1/backups/${backup.id}`)).status).toBe(404);
  });
});

/** A file system of its own that is nearly full, or why there can be none. */
function mountSmall(directory: string): string | undefined {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=32m', 'tmpfs', directory], { stdio: 'pipe' });
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

describe('backups on a disk that is full', () => {
  it('fail with the reason, and leave nothing behind', async (context) => {
    const directory = mkdtempSync(join(tmpdir(), 'quorate-full-'));
    const why = mountSmall(directory);
    if (why !== undefined) {
      rmSync(directory, { recursive: true, force: true });
      context.skip(`no tmpfs can be mounted here: ${why}`);
      return;
    }
    let node: ApiNode | undefined;
    try {
      node = await startApiNode({ settings: { 'backups.dir': directory } });
      const token = await node.setUp();
      const failed = await made(node, token, {});
      expect(failed).toMatchObject({
        state: 'failed',
        error: { code: 'disk_space', detail: /free space on that disk/ },
      });
      expect(readdirSync(directory)).toEqual([]);
      expect((await node.call('GET', '/readyz')).status).toBe(200);
    } finally {
      await node?.stop();
      execFileSync('umount', [directory]);
      rmSync(directory, { recursive: true, force: true });
    }
  });
});
