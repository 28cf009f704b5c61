import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { join } from 'node:path';
import { Gateways } from './gateways.mjs';

const PAGE = join(import.meta.dirname, 'page.html');
const MAX_BODY = 1024 * 1024;
const POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'";

/**
 * Two listeners: `gateway`, where clusters connect (TLS with client certificates when `tls` is given), and `page`, which
 * shows them and calls their APIs. The page has no sign-in: keep it on loopback.
 *
 * @param {{ gateway: {host: string, port: number}, page: {host: string, port: number},
 *           tls?: {cert: string, key: string, ca: string} }} options
 */
export async function startUpstream({ gateway, page, tls }) {
  const gateways = new Gateways();
  const plain = (_request, response) =>
    response.writeHead(426, { upgrade: 'websocket' }).end('a WebSocket is expected here\n');
  // The certificates of the nodes come from the CA of their cluster: whoever has none is refused in the handshake.
  const listener = tls
    ? createTlsServer({ ...tls, requestCert: true, rejectUnauthorized: true, minVersion: 'TLSv1.2' }, plain)
    : createServer(plain);
  gateways.attach(listener, (request) => (request.url === '/gateway' ? undefined : 'unknown path'));
  const pages = createServer((request, response) => servePage(gateways, request, response));
  await Promise.all([listen(listener, gateway), listen(pages, page)]);
  return {
    gateways,
    url: `${tls ? 'wss' : 'ws'}://${gateway.host}:${listener.address().port}/gateway`,
    pageUrl: `http://${page.host}:${pages.address().port}`,
    /** Ends every connection of the gateways and takes no more. */
    async close() {
      gateways.close();
      for (const server of [listener, pages]) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    },
  };
}

const listen = (server, { host, port }) =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });

async function servePage(gateways, request, response) {
  const json = (status, value) =>
    response
      .writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
      .end(JSON.stringify(value));
  try {
    const { pathname } = new URL(request.url, 'http://page');
    // A page of another site must not call through a browser that can reach this one.
    if (!sameSite(request)) return json(403, { error: 'cross-origin' });
    if (request.method === 'GET' && pathname === '/') {
      const headers = { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': POLICY };
      return response.writeHead(200, headers).end(readFileSync(PAGE));
    }
    if (request.method === 'GET' && pathname === '/gateways') return json(200, gateways.view());
    if (request.method === 'GET' && pathname === '/changes') return stream(gateways, response);
    if (request.method === 'POST' && pathname === '/call') {
      const { cluster, ...call } = JSON.parse(await bodyOf(request));
      const { status, headers, body } = await gateways.call(cluster, call);
      return json(200, { status, headers, body });
    }
    return json(404, { error: 'not found' });
  } catch (error) {
    return json(502, { error: error.message });
  }
}

function sameSite(request) {
  const host = request.headers.host ?? '';
  const named = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/.test(host);
  const { origin } = request.headers;
  return named && (origin === undefined || origin === `http://${host}`);
}

/** Says that something changed, at most five times a second; the page then asks what. */
function stream(gateways, response) {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  response.write('data: hello\n\n');
  let waiting = false;
  const changed = () => {
    if (waiting) return;
    waiting = true;
    setTimeout(() => {
      waiting = false;
      response.write('data: changed\n\n');
    }, 200).unref();
  };
  gateways.on('change', changed);
  response.on('close', () => gateways.off('change', changed));
}

async function bodyOf(request) {
  let text = '';
  for await (const chunk of request) {
    text += chunk;
    if (text.length > MAX_BODY) throw new Error('the body is too large');
  }
  return text;
}
