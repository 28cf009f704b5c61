import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createSecureServer, type Http2SecureServer } from 'node:http2';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ServiceError, status } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { silentLogger } from '../../lib/logger';
import { createTestPki, freePorts, startTestEtcd, type TestEtcd, type TestPki } from '../../testing/etcd';
import { createEtcdClient, type EtcdClient } from './client';
import { classify } from './errors';

const log = silentLogger();
const KEY = Buffer.from('/k');

describe('errors of etcd are told apart by what was done', () => {
  const cases: ReadonlyArray<[number, string, string, string]> = [
    [status.UNAVAILABLE, 'No connection established. Last error: ECONNREFUSED', 'unreachable', 'not_done'],
    [status.UNAVAILABLE, 'Connection dropped', 'unreachable', 'unknown'],
    [status.UNAVAILABLE, 'read ECONNRESET', 'unreachable', 'unknown'],
    [status.UNAVAILABLE, 'etcdserver: no leader', 'no_leader', 'not_done'],
    [status.UNKNOWN, 'raft proposal dropped', 'no_leader', 'not_done'],
    [status.UNAVAILABLE, 'etcdserver: rpc not supported for learner', 'learner', 'not_done'],
    [status.UNAVAILABLE, 'etcdserver: request timed out', 'timeout', 'unknown'],
    [
      status.UNAVAILABLE,
      'etcdserver: request timed out, possibly due to previous leader failure',
      'timeout',
      'unknown',
    ],
    [status.UNAVAILABLE, 'etcdserver: server stopped', 'unreachable', 'unknown'],
    [status.DEADLINE_EXCEEDED, 'Deadline exceeded after 1.001s,remote_addr=127.0.0.1:2379', 'timeout', 'unknown'],
    [status.DEADLINE_EXCEEDED, 'Deadline exceeded after 1.001s,Waiting for LB pick', 'timeout', 'not_done'],
    [status.DEADLINE_EXCEEDED, 'context deadline exceeded', 'timeout', 'unknown'],
    [status.RESOURCE_EXHAUSTED, 'etcdserver: mvcc: database space exceeded', 'no_space', 'unknown'],
    [status.RESOURCE_EXHAUSTED, 'etcdserver: too many requests', 'overloaded', 'not_done'],
    [status.INVALID_ARGUMENT, 'etcdserver: request is too large', 'too_large', 'not_done'],
    [status.CANCELLED, 'Cancelled on client', 'cancelled', 'unknown'],
    [status.INTERNAL, 'Received RST_STREAM with code 2', 'other', 'unknown'],
  ];
  it.each(cases)('%i %s is %s, %s', (code, details, kind, outcome) => {
    const error = Object.assign(new Error(details), { code, details }) as ServiceError;
    expect(classify(error, 'https://h:1')).toMatchObject({ kind, outcome });
  });
});

describe('the etcd client over TLS', () => {
  const directory = mkdtempSync(join(tmpdir(), 'quorate-client-'));
  const servers: Http2SecureServer[] = [];
  const clients: EtcdClient[] = [];

  async function pkiFor(name: string, ips: readonly string[]): Promise<TestPki> {
    const folder = join(directory, name);
    mkdirSync(folder);
    return createTestPki(folder, ips);
  }

  async function serve(pki: TestPki): Promise<string> {
    const server = createSecureServer({ ...pki.tls, requestCert: true, rejectUnauthorized: true });
    // Enough of a gRPC server to prove that the connection stood: it knows no method.
    server.on('stream', (stream) => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '12' }, { endStream: true });
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  function clientTo(pki: TestPki, ...endpoints: string[]): EtcdClient {
    const client = createEtcdClient({ endpoints: () => endpoints, tls: pki.tls, log });
    clients.push(client);
    return client;
  }

  const get = (client: EtcdClient) => client.call('KV.Range', { key: KEY }, { retry: 'safe' });

  afterEach(() => {
    for (const client of clients.splice(0)) client.close();
    for (const server of servers.splice(0)) server.close();
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it('accepts an IP address that the certificate names, without warnings', async () => {
    const warnings: string[] = [];
    const note = (warning: Error): void => void warnings.push(warning.message);
    process.on('warning', note);
    const pki = await pkiFor('right', ['127.0.0.1']);
    await expect(get(clientTo(pki, await serve(pki)))).rejects.toMatchObject({ kind: 'refused' });
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', note);
    expect(warnings.filter((text) => text.includes('ServerName'))).toEqual([]);
  });

  it('refuses an IP address that the certificate does not name, before anything is sent', async () => {
    const pki = await pkiFor('wrong', ['127.0.0.9']);
    await expect(get(clientTo(pki, await serve(pki)))).rejects.toMatchObject({
      kind: 'unreachable',
      outcome: 'not_done',
    });
  });

  it('refuses a foreign CA, until the certificates are replaced at run time', async () => {
    const [ours, foreign] = [await pkiFor('ours', ['127.0.0.1']), await pkiFor('foreign', ['127.0.0.1'])];
    const client = clientTo(foreign, await serve(ours));
    await expect(get(client)).rejects.toMatchObject({ kind: 'unreachable' });
    client.setTls(ours.tls);
    await expect(get(client)).rejects.toMatchObject({ kind: 'refused' });
  });

  it('says that nothing was done when nobody listens', async () => {
    const pki = await pkiFor('nobody', ['127.0.0.1']);
    const [port] = await freePorts(1);
    const put = { key: KEY, value: KEY };
    const client = clientTo(pki, `https://127.0.0.1:${port}`);
    await expect(client.call('KV.Put', put, { retry: 'unsent' })).rejects.toMatchObject({ outcome: 'not_done' });
    const none = clientTo(pki);
    await expect(none.call('KV.Put', put, { retry: 'unsent' })).rejects.toMatchObject({ outcome: 'not_done' });
  });

  it('refuses a plain endpoint where certificates are set', async () => {
    const pki = await pkiFor('scheme', ['127.0.0.1']);
    await expect(get(clientTo(pki, 'http://127.0.0.1:1'))).rejects.toThrow('https://');
  });
});

describe('the etcd client and real members', () => {
  let etcd: TestEtcd;
  beforeAll(async () => {
    etcd = await startTestEtcd({ size: 1 });
  });
  afterAll(async () => {
    await etcd.stop();
  });

  it('goes to the next endpoint, for writes only while nothing was sent', async () => {
    const [dead] = await freePorts(1);
    const [alive = ''] = etcd.endpoints();
    const client = createEtcdClient({ endpoints: () => [`https://127.0.0.1:${dead}`, alive], tls: etcd.pki.tls, log });
    const answer = await client.call('KV.Put', { key: KEY, value: Buffer.from('v') }, { retry: 'unsent' });
    expect(Number(answer.header.revision)).toBeGreaterThan(1);
    expect(client.endpoints()).toEqual([alive, `https://127.0.0.1:${dead}`]);
    client.close();
    await expect(client.call('KV.Range', { key: KEY }, { retry: 'safe' })).rejects.toMatchObject({
      outcome: 'not_done',
    });
  });

  it('never repeats a write that was sent and whose answer was lost', async () => {
    const [alive = ''] = etcd.endpoints();
    let loseAnswers = false;
    const sockets: Socket[] = [];
    const proxy = createServer((inbound) => {
      const outbound = connect(Number(new URL(alive).port), '127.0.0.1');
      sockets.push(inbound, outbound);
      for (const socket of [inbound, outbound]) socket.on('error', () => {});
      inbound.pipe(outbound);
      outbound.on('data', (data) => (loseAnswers ? inbound.destroy() : inbound.write(data)));
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const lossy = `https://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    const client = createEtcdClient({ endpoints: () => [lossy, alive], tls: etcd.pki.tls, log });
    try {
      await client.call('KV.Range', { key: KEY }, { retry: 'safe' });
      loseAnswers = true;
      const once = { key: Buffer.from('/once'), value: KEY };
      await expect(client.call('KV.Put', once, { retry: 'unsent' })).rejects.toMatchObject({ outcome: 'unknown' });
      const answer = await client.call('KV.Range', { key: once.key }, { retry: 'safe' });
      expect(answer.kvs[0]?.version).toBe('1');
    } finally {
      client.close();
      for (const socket of sockets) socket.destroy();
      proxy.close();
    }
  });

  it('keeps a watch alive over a certificate change', async () => {
    const client = etcd.client();
    const watch = await client.watch({ key: KEY, start_revision: 0 });
    const responses = watch.responses[Symbol.asyncIterator]();
    expect((await responses.next()).value).toMatchObject({ created: true });
    client.setTls(etcd.pki.tls);
    await client.call('KV.Put', { key: KEY, value: Buffer.from('rotated') }, { retry: 'unsent' });
    expect((await responses.next()).value?.events[0]?.kv.value.toString()).toBe('rotated');
    watch.cancel();
    await expect(responses.next()).rejects.toMatchObject({ kind: 'cancelled' });
  });
});
