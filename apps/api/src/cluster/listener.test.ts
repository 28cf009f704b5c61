import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { Hono } from 'hono';
import { Agent, fetch } from 'undici';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../lib/logger';
import { loopbackHost } from '../testing/member';
import { until } from '../testing/until';
import { type ClusterEnv, type ClusterListener, createClusterListener } from './listener';
import { type ClusterTls, createPeerClient, type PeerClient } from './peer-client';
import { createCa, issueNodeCertificate, type KeyedCertificate } from './pki/issue';
import { createNodeKey, keyPinOf, publicKeyPemOf } from './pki/keys';

const DAY_MS = 24 * 3600 * 1000;
let ca: KeyedCertificate;
let host: string;
let serverTls: ClusterTls;
let listener: ClusterListener;
let clients: PeerClient[];
/** What the listener takes for live members: id and key pin. */
let pinned: Map<number, string>;
let now: number;
/** Requests that the listener has begun to serve and never answers. */
let hangs: number;
/** Pieces of an endless answer that the listener has made. */
let pieces: number;
/** How many there were when somebody was cut off. */
let cuts: number[];

async function issue(nodeId: number, options: { by?: KeyedCertificate; at?: number } = {}): Promise<ClusterTls> {
  const by = options.by ?? ca;
  const key = createNodeKey();
  const publicKeyPem = publicKeyPemOf(key);
  const issued = { ca: by, publicKeyPem, nodeId, hosts: ['127.0.0.1'], nowMs: options.at ?? Date.now() };
  return { ca: ca.certPem, cert: await issueNodeCertificate(issued), key };
}

function appOf(): Hono<ClusterEnv> {
  const app = new Hono<ClusterEnv>();
  app.get('/v1/cluster/whoami', (c) => c.json({ node: c.get('peer')?.nodeId ?? null }));
  app.post('/v1/cluster/join', (c) => c.json({ node: c.get('peer')?.nodeId ?? null }));
  app.post('/v1/cluster/echo', async (c) => c.text(await c.req.text()));
  app.get('/v1/cluster/endless', (c) => {
    const piece = Buffer.alloc(64 * 1024);
    const signal = c.req.raw.signal;
    const pull = (out: ReadableStreamDefaultController): void => {
      pieces += 1;
      out.enqueue(piece);
    };
    signal.addEventListener('abort', () => cuts.push(pieces), { once: true });
    return c.body(new ReadableStream({ pull }));
  });
  app.get('/v1/cluster/hang', () => {
    hangs += 1;
    return new Promise<Response>(() => {});
  });
  return app;
}

const client = (tls: ClusterTls, isPinned?: (nodeId: number, pin: string) => boolean): PeerClient => {
  const created = createPeerClient({ tls: () => tls, timeoutMs: 5_000, ...(isPinned ? { isPinned } : {}) });
  clients.push(created);
  return created;
};

const node1 = () => ({ nodeId: 1, address: `${host}:${listener.port}` });
const WHOAMI = '/v1/cluster/whoami';

async function codeOf(response: Promise<{ status: number; json(): Promise<unknown> }>): Promise<string> {
  const answer = await response;
  return `${answer.status} ${((await answer.json()) as { code?: string }).code ?? ''}`;
}

beforeEach(async () => {
  now = Date.now();
  clients = [];
  hangs = 0;
  pieces = 0;
  cuts = [];
  host = loopbackHost();
  ca = await createCa({ clusterId: '0198f0aa-1111-7222-8333-444455556666', nowMs: now });
  serverTls = await issue(1);
  pinned = new Map([[1, keyPinOf(serverTls.cert)]]);
  listener = await createClusterListener({
    host,
    port: 0,
    tls: () => serverTls,
    app: appOf(),
    isPinned: (nodeId, pin) => pinned.get(nodeId) === pin,
    logger: silentLogger(),
    clock: () => now,
    stalledMs: 1_000,
  });
});
afterEach(async () => {
  await Promise.all(clients.map((one) => one.close()));
  await listener.close();
});

describe('the cluster listener', () => {
  it('knows a member by certificate and key, and nobody else', async () => {
    const tls = await issue(2);
    pinned.set(2, keyPinOf(tls.cert));
    const response = await client(tls).fetch(node1(), WHOAMI);
    expect(await response.json()).toEqual({ node: 2 });

    const sameId = await issue(2);
    expect(await codeOf(client(sameId).fetch(node1(), WHOAMI))).toBe('403 node_removed');
    const stranger = await createCa({ clusterId: '0198f0aa-1111-7222-8333-000000000000', nowMs: now });
    const foreign = await issue(2, { by: stranger });
    pinned.set(2, keyPinOf(foreign.cert));
    expect(await codeOf(client(foreign).fetch(node1(), WHOAMI))).toBe('403 certificate_required');
    expect(await codeOf(client({ ...tls, cert: ca.certPem, key: ca.keyPem }).fetch(node1(), WHOAMI))).toBe(
      '403 certificate_required',
    );
  });

  it('refuses an expired certificate, also on a connection that was opened before it expired', async () => {
    const expired = await issue(2, { at: now - 400 * DAY_MS });
    pinned.set(2, keyPinOf(expired.cert));
    expect(await codeOf(client(expired).fetch(node1(), WHOAMI))).toBe('403 certificate_required');
    const tls = await issue(3);
    pinned.set(3, keyPinOf(tls.cert));
    const three = client(tls);
    expect((await three.fetch(node1(), WHOAMI)).status).toBe(200);
    now += 400 * DAY_MS;
    expect(await codeOf(three.fetch(node1(), WHOAMI))).toBe('403 certificate_required');
  });

  it('serves the join path alone without a certificate, and trusts none there', async () => {
    const anonymous = new Agent({ connect: { ca: ca.certPem, checkServerIdentity: () => undefined } });
    const url = (path: string) => `https://${host}:${listener.port}${path}`;
    const call = (path: string, method = 'GET') => fetch(url(path), { method, dispatcher: anonymous });
    try {
      expect(await (await call('/v1/cluster/join', 'POST')).json()).toEqual({ node: null });
      for (const path of [WHOAMI, '/', '/v1/cluster/join/', '/v1/cluster/join/../whoami', '/v1/cluster/nothing']) {
        expect(await codeOf(call(path))).toBe('403 certificate_required');
      }
    } finally {
      await anonymous.close();
    }
    const tls = await issue(2);
    pinned.set(2, keyPinOf(tls.cert));
    expect(await (await client(tls).fetch(node1(), '/v1/cluster/join', { method: 'POST' })).json()).toEqual({
      node: null,
    });
    expect(await codeOf(client(tls).fetch(node1(), '/v1/cluster/nothing'))).toBe('404 not_found');
  });

  it('ends the connections of a removed node, and lets it in no more', async () => {
    const tls = await issue(2);
    pinned.set(2, keyPinOf(tls.cert));
    const two = client(tls);
    expect((await two.fetch(node1(), WHOAMI)).status).toBe(200);
    const hanging = two.fetch(node1(), '/v1/cluster/hang');
    await until(() => hangs === 1, 'the request hangs');
    pinned.delete(2);
    listener.closeConnectionsOf(2);
    await expect(hanging).rejects.toThrow();
    expect(await codeOf(two.fetch(node1(), WHOAMI))).toBe('403 node_removed');
  });

  it('speaks TLS 1.3 only, shows the CA in its chain, and uses a rotated certificate for new connections', async () => {
    const shown = (): Promise<{ serial: string; issuer: string; protocol: string | null }> =>
      new Promise((resolve, reject) => {
        const socket = connect({ host, port: listener.port, rejectUnauthorized: false }, () => {
          const certificate = socket.getPeerCertificate(true);
          const issuer = certificate.issuerCertificate.fingerprint256;
          resolve({ serial: certificate.serialNumber, issuer, protocol: socket.getProtocol() });
          socket.destroy();
        });
        socket.on('error', reject);
      });
    const before = await shown();
    expect(before.protocol).toBe('TLSv1.3');
    serverTls = await issue(1);
    listener.reloadTls();
    const after = await shown();
    expect(after.serial).not.toBe(before.serial);
    expect(after.issuer).toBe(before.issuer);
    const old = new Promise((resolve, reject) => {
      const socket = connect({ host, port: listener.port, rejectUnauthorized: false, maxVersion: 'TLSv1.2' }, () =>
        resolve('connected'),
      );
      socket.on('error', reject);
    });
    await expect(old).rejects.toThrow(/version/i);
  });

  it('cuts off a member that does not read its answer, and waits for one that does not have it yet', async () => {
    const tls = await issue(2);
    pinned.set(2, keyPinOf(tls.cert));
    const idle = client(tls).fetch(node1(), '/v1/cluster/hang');
    idle.catch(() => undefined);
    await until(() => hangs === 1, 'a request hangs');
    const reader = connect({ host, port: listener.port, rejectUnauthorized: false, cert: tls.cert, key: tls.key });
    reader.on('error', () => undefined);
    reader.pause();
    reader.write('GET /v1/cluster/endless HTTP/1.1\r\nhost: here\r\n\r\n');
    await until(() => cuts.length === 1, 'it is cut off', 30_000);
    // What the buffers of both sides hold, and not what it asked for.
    expect(cuts[0]).toBeLessThan(1_000);
    reader.resume();
    await until(() => reader.destroyed, 'the connection is over', 30_000);
    const answered = await Promise.race([idle.catch(() => 'cut'), Promise.resolve('waits')]);
    expect(answered).toBe('waits');
  });

  it('bounds bodies', async () => {
    const tls = await issue(2);
    pinned.set(2, keyPinOf(tls.cert));
    const two = client(tls);
    const post = (bytes: number) => two.fetch(node1(), '/v1/cluster/echo', { method: 'POST', body: 'x'.repeat(bytes) });
    expect((await (await post(1024)).text()).length).toBe(1024);
    expect(await codeOf(post(1024 * 1024 + 1))).toBe('413 body_too_large');
  });
});

describe('the peer client', () => {
  it('speaks to the node it means, and to no other', async () => {
    const tls = await issue(2);
    pinned.set(2, keyPinOf(tls.cert));
    const cause = async (attempt: Promise<unknown>): Promise<string> => {
      const error = (await attempt.then(
        () => undefined,
        (reason: unknown) => reason,
      )) as Error;
      return String((error?.cause as Error)?.message);
    };
    expect(await cause(client(tls).fetch({ ...node1(), nodeId: 3 }, WHOAMI))).toContain('node 1 answered where node 3');
    expect(await cause(client(tls, () => false).fetch(node1(), WHOAMI))).toContain('not that of a member');
    const other = await createCa({ clusterId: '0198f0aa-1111-7222-8333-000000000000', nowMs: now });
    expect(await cause(client({ ...tls, ca: other.certPem }).fetch(node1(), WHOAMI))).toMatch(/certificate/);
  });
});

describe("an operator's own certificates", () => {
  it('made with openssl, with another prefix, work on both sides', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'quorate-operator-'));
    try {
      const run = (...args: string[]) => execFileSync('openssl', args, { cwd: dir, stdio: 'pipe' });
      const read = (file: string) => readFileSync(join(dir, file), 'utf8');
      run('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', 'ca.key');
      run('req', '-x509', '-new', '-key', 'ca.key', '-days', '30', '-subj', '/CN=acme-cluster-ca', '-out', 'ca.pem');
      const operatorTls = (id: number): ClusterTls => {
        run('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', `${id}.key`);
        run('req', '-new', '-key', `${id}.key`, '-subj', `/CN=acme-node-${id}`, '-out', `${id}.csr`);
        writeFileSync(join(dir, 'ext'), `extendedKeyUsage=serverAuth,clientAuth\nsubjectAltName=IP:${host}`);
        const sign = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '30', '-extfile', 'ext'];
        run('x509', '-req', '-in', `${id}.csr`, ...sign, '-out', `${id}.pem`);
        return { ca: read('ca.pem'), cert: read(`${id}.pem`), key: read(`${id}.key`) };
      };
      serverTls = operatorTls(1);
      const two = operatorTls(2);
      // Both certificates are valid by then, however long openssl took.
      now = Date.now() + 1000;
      listener.reloadTls();
      pinned.set(2, keyPinOf(two.cert));
      expect(await (await client(two).fetch(node1(), WHOAMI)).json()).toEqual({ node: 2 });
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });
});
