import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { extname, join, relative, sep } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Context } from 'hono';

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.txt': 'text/plain; charset=utf-8',
  '.woff2': 'font/woff2',
  '.webmanifest': 'application/manifest+json',
};

interface Asset {
  readonly body: Buffer;
  readonly headers: Record<string, string>;
  /** Made at the first request that takes it. */
  gzipped?: Buffer;
}

/** Smaller bodies, and pictures, gain nothing. */
const MIN_GZIP_BYTES = 1024;
const isCompressible = ({ body, headers }: Asset): boolean =>
  body.length >= MIN_GZIP_BYTES && !/^image\/(png|x-icon)|^font\//.test(headers['content-type'] ?? '');

/** Headers of every page: nothing but ourselves may run, frame or be sent to. */
export const SECURITY_HEADERS = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'permissions-policy': 'camera=(), microphone=(), geolocation=()',
} as const;

/** Next's export needs a few inline scripts: each is allowed by its hash, everything else inline is refused. */
function contentSecurityPolicy(html: string): string {
  const scripts = [...html.matchAll(/<script(?![^>]*\ssrc=)[^>]*>([\s\S]*?)<\/script>/g)];
  const hashes = scripts.map(([, code = '']) => `'sha256-${createHash('sha256').update(code).digest('base64')}'`);
  return [
    "default-src 'self'",
    `script-src 'self' ${[...new Set(hashes)].join(' ')}`.trim(),
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join('; ');
}

function loadAsset(path: string, urlPath: string): Asset {
  const body = readFileSync(path);
  const type = TYPES[extname(path)] ?? 'application/octet-stream';
  const immutable = urlPath.startsWith('/_next/static/');
  const etag = `"${createHash('sha256').update(body).digest('hex').slice(0, 24)}"`;
  const headers: Record<string, string> = {
    ...SECURITY_HEADERS,
    'content-type': type,
    'cache-control': immutable ? 'public, max-age=31536000, immutable' : 'no-cache',
    etag,
  };
  if (type.startsWith('text/html')) headers['content-security-policy'] = contentSecurityPolicy(body.toString('utf8'));
  return { body, headers };
}

/** `/members/index.html` and `/members.html` both answer `/members`. */
function urlPathsOf(file: string): string[] {
  const path = `/${file.split(sep).join('/')}`;
  if (!path.endsWith('.html')) return [path];
  const bare = path.replace(/(\/index)?\.html$/, '');
  return bare === '' ? ['/'] : [bare, `${bare}/`];
}

/**
 * The exported console, read into memory once (a few MiB), so that serving it never touches the disk.
 * Returns a handler that answers undefined for paths it does not have.
 */
export function createConsole(directory: string): ((c: Context) => Response | undefined) | undefined {
  if (!existsSync(join(directory, 'index.html'))) return undefined;
  const assets = new Map<string, Asset>();
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const urls = urlPathsOf(relative(directory, path));
    const asset = loadAsset(path, urls[0] ?? '');
    for (const url of urls) assets.set(url, asset);
  }
  const missing = assets.get('/404');
  return (c) => {
    const asset = assets.get(decodedPath(c.req.path));
    if (asset) return respond(c, asset, 200);
    const wantsPage = c.req.header('accept')?.includes('text/html') === true && c.req.method === 'GET';
    return wantsPage && missing ? respond(c, missing, 404) : undefined;
  };
}

/** A malformed escape is a path that nothing has. */
function decodedPath(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

function respond(c: Context, asset: Asset, status: number): Response {
  const headers = new Headers(asset.headers);
  if (isCompressible(asset)) headers.set('vary', 'accept-encoding');
  if (c.req.header('if-none-match') === asset.headers['etag']) return new Response(null, { status: 304, headers });
  if (c.req.method === 'HEAD') return new Response(null, { status, headers });
  const takesGzip = /\bgzip\b/.test(c.req.header('accept-encoding') ?? '');
  if (!takesGzip || !isCompressible(asset)) return new Response(new Uint8Array(asset.body), { status, headers });
  asset.gzipped ??= gzipSync(asset.body);
  headers.set('content-encoding', 'gzip');
  return new Response(new Uint8Array(asset.gzipped), { status, headers });
}
