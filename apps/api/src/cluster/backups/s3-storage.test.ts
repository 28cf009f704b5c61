import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type S3Server, startS3Server } from '../../testing/s3-server';
import { createS3Storage, type S3Place } from './s3-storage';

describe('an S3 target', () => {
  let server: S3Server;
  let directory: string;
  const at = (name: string): string => join(directory, name);
  const small = randomBytes(100_000);
  const large = randomBytes(40 * 1024 ** 2);
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'quorate-s3-test-'));
    server = await startS3Server();
    writeFileSync(at('small'), small);
    writeFileSync(at('large'), large);
  });
  afterAll(async () => {
    await server?.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  const place = (change: Partial<S3Place> = {}): S3Place => ({
    ...{ name: 'offsite', region: 'us-east-1', prefix: 'quorate/', endpoint: server.endpoint, bucket: server.bucket },
    ...{ accessKeyId: server.accessKeyId, secretAccessKey: server.secretAccessKey },
    ...change,
  });
  const silent = async (): Promise<void> => {};
  const read = async (storage: ReturnType<typeof createS3Storage>, name: string): Promise<Buffer> =>
    buffer((await storage.get(name)).stream as never);

  it('takes small files whole and large ones in parts, gives them back and deletes them', async () => {
    const storage = createS3Storage(place());
    await storage.put('small', at('small'), silent);
    expect((await read(storage, 'small')).equals(small)).toBe(true);
    const percents: number[] = [];
    await storage.put('large', at('large'), async (percent) => void percents.push(percent));
    expect(percents).toEqual([40, 80, 100]);
    expect((await storage.get('large')).bytes).toBe(large.length);
    expect((await read(storage, 'large')).equals(large)).toBe(true);
    for (const name of ['small', 'large']) await storage.remove(name);
    await storage.remove('large');
    await expect(storage.get('small')).rejects.toMatchObject({
      code: 'backup_unavailable',
      message: /not in backups any more/,
    });
    await storage.close();
  });

  it.each([
    ['a wrong secret', { secretAccessKey: 'wrong' }, /secret access key/],
    ['an unknown key id', { accessKeyId: 'NOBODY' }, /access key id/],
    ['a missing bucket', { bucket: 'elsewhere' }, /create the bucket/],
    ['a server that is not there', { endpoint: 'http://127.0.0.1:2' }, /cannot store the file: .*ECONNREFUSED/],
  ] as const)('says what to mend about %s', async (_what, change, message) => {
    const storage = createS3Storage(place(change));
    await expect(storage.put('small', at('small'), silent)).rejects.toMatchObject({
      code: 'backup_unavailable',
      message,
    });
    await storage.close();
  });

  it('leaves no parts behind when an upload fails, nor when the file of one is removed', async () => {
    const storage = createS3Storage(place());
    const shrinks = storage.put('shrinks', at('large'), async () => {
      throw new Error('the disk is gone');
    });
    await expect(shrinks).rejects.toThrow('the disk is gone');
    expect(server.openUploads()).toBe(0);
    const killed = new Promise<void>((resolve) => {
      // Like a process that was killed: nobody comes back to this upload.
      void storage.put('killed', at('large'), () => {
        resolve();
        return new Promise(() => {});
      });
    });
    await killed;
    expect(server.openUploads()).toBe(1);
    await storage.remove('killed');
    expect(server.openUploads()).toBe(0);
    await storage.close();
  });

  it('fails with a reason when the server goes away in the middle, and works when it is back', async () => {
    const storage = createS3Storage(place());
    const cut = storage.put('cut', at('large'), async (percent) => {
      if (percent === 40) await server.kill();
    });
    await expect(cut).rejects.toMatchObject({ code: 'backup_unavailable', message: /cannot store a part/ });
    await server.start();
    expect(server.openUploads()).toBe(1);
    await storage.sweep(new Set(['another']));
    expect(server.openUploads()).toBe(1);
    await storage.sweep(new Set(['cut']));
    expect(server.openUploads()).toBe(0);
    await expect(storage.get('cut')).rejects.toMatchObject({ code: 'backup_unavailable' });
    await storage.put('cut', at('large'), silent);
    expect((await read(storage, 'cut')).equals(large)).toBe(true);
    await storage.close();
  });
});
