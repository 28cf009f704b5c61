import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { Hono } from 'hono';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildOpenApi } from './openapi';
import { createPages } from './pages';

describe('the console', () => {
  const directory = mkdtempSync(join(tmpdir(), 'quorate-console-'));
  const script = `console.log(${JSON.stringify('x'.repeat(4096))})`;
  let app: Hono;

  beforeAll(() => {
    mkdirSync(join(directory, '_next/static'), { recursive: true });
    writeFileSync(join(directory, 'index.html'), '<html><script>boot()</script><p>home</p></html>');
    writeFileSync(join(directory, 'members.html'), '<html><p>members</p></html>');
    writeFileSync(join(directory, '404.html'), '<html><p>nothing here</p></html>');
    writeFileSync(join(directory, '_next/static/app.js'), script);
    const pages = createPages({ openApi: buildOpenApi([], '0'), webDir: directory });
    app = new Hono();
    app.all('*', (c) => pages(c) ?? c.notFound());
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  const get = (path: string, headers: Record<string, string> = {}) => app.request(path, { headers });

  it('serves pages without their ending, and a page of its own for what is missing', async () => {
    expect(await (await get('/')).text()).toContain('home');
    expect(await (await get('/members')).text()).toContain('members');
    const missing = await get('/nope', { accept: 'text/html' });
    expect(missing.status).toBe(404);
    expect(await missing.text()).toContain('nothing here');
  });

  it('allows exactly its own inline scripts', async () => {
    const policy = (await get('/')).headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'self'");
    expect(policy).toMatch(/script-src 'self' 'sha256-[A-Za-z0-9+/=]+'/);
    expect(policy).not.toMatch(/script-src[^;]*unsafe/);
  });

  it('compresses for clients that take it, and caches by ETag', async () => {
    const packed = await get('/_next/static/app.js', { 'accept-encoding': 'gzip, br' });
    expect(packed.headers.get('content-encoding')).toBe('gzip');
    expect(packed.headers.get('vary')).toBe('accept-encoding');
    expect(gunzipSync(Buffer.from(await packed.arrayBuffer())).toString()).toBe(script);
    const plain = await get('/_next/static/app.js');
    expect(plain.headers.get('content-encoding')).toBeNull();
    expect(await plain.text()).toBe(script);
    const again = await get('/_next/static/app.js', { 'if-none-match': plain.headers.get('etag') ?? '' });
    expect(again.status).toBe(304);
  });

  it.each(['/../etc/passwd', '/%2e%2e/%2e%2e/etc/passwd', '/%zz', '/members%00'])(
    'finds nothing at %s',
    async (path) => {
      expect((await get(path)).status).toBe(404);
    },
  );
});
