import { webcrypto } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import '@abraham/reflection';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';
import { type Logger, silentLogger } from '../lib/logger';
import type { EtcdTls } from '../replication/etcd/channels';
import { createEtcdClient, type EtcdClient } from '../replication/etcd/client';
import type { EtcdTlsFiles } from '../replication/etcd/flags';
import { createEtcdSupervisor, type EtcdSupervisor } from '../replication/etcd/supervisor';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const DAY_MS = 24 * 3600 * 1000;

export interface TestPki {
  readonly tls: EtcdTls;
  readonly files: EtcdTlsFiles;
}

/** A throwaway CA and one certificate for `ips` and localhost, in `directory`. */
export async function createTestPki(directory: string, ips: readonly string[] = ['127.0.0.1']): Promise<TestPki> {
  const validity = { notBefore: new Date(Date.now() - DAY_MS), notAfter: new Date(Date.now() + DAY_MS) };
  const caKeys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: '01',
    name: 'CN=test CA',
    keys: caKeys,
    signingAlgorithm: ALGORITHM,
    ...validity,
    extensions: [new x509.BasicConstraintsExtension(true, 0, true)],
  });
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const leaf = await x509.X509CertificateGenerator.create({
    serialNumber: '02',
    subject: 'CN=quorate-node-1',
    issuer: ca.subject,
    publicKey: keys.publicKey,
    signingKey: caKeys.privateKey,
    signingAlgorithm: ALGORITHM,
    ...validity,
    extensions: [
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
      new x509.SubjectAlternativeNameExtension([
        ...ips.map((value) => ({ type: 'ip' as const, value })),
        { type: 'dns', value: 'localhost' },
      ]),
    ],
  });
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  const tls = {
    ca: ca.toString('pem'),
    cert: leaf.toString('pem'),
    key: x509.PemConverter.encode(pkcs8, 'PRIVATE KEY'),
  };
  const write = (name: keyof EtcdTls): string => {
    const path = join(directory, `${name}.pem`);
    writeFileSync(path, tls[name], { mode: 0o600 });
    return path;
  };
  return { tls, files: { ca: write('ca'), cert: write('cert'), key: write('key') } };
}

/** Free loopback ports, all different; another program may still take one before it is used. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

export interface TestMember {
  readonly name: string;
  readonly clientUrl: string;
  readonly peerUrl: string;
  readonly supervisor: EtcdSupervisor;
  /** Sends a signal to the etcd process itself. */
  signal(signal: NodeJS.Signals): void;
}

export interface TestEtcd {
  readonly directory: string;
  readonly pki: TestPki;
  readonly members: readonly TestMember[];
  endpoints(): string[];
  /** A client over all members, `first` (default 0) first. Closed by `stop`. */
  client(first?: number): EtcdClient;
  /** Makes a further member, not started; `initialCluster` gets it with those there. */
  prepareMember(): Promise<TestMember>;
  stop(): Promise<void>;
}

export interface TestEtcdOptions {
  readonly size?: number;
  readonly log?: Logger;
  readonly heartbeatMs?: number;
  readonly electionMs?: number;
  /** Default true, as in etcd: then a membership change needs 5 s of full connection first. */
  readonly strictReconfigCheck?: boolean;
}

/** Real etcd members with mutual TLS on loopback. Call `stop` in a finally or afterAll: it removes everything. */
export async function startTestEtcd(options: TestEtcdOptions = {}): Promise<TestEtcd> {
  const log = options.log ?? silentLogger();
  const directory = mkdtempSync(join(tmpdir(), 'quorate-etcd-'));
  const pki = await createTestPki(directory);
  const members: TestMember[] = [];
  const clients: EtcdClient[] = [];
  const clusterToken = directory;

  async function stop(): Promise<void> {
    for (const client of clients) client.close();
    // A paused process can't take SIGTERM.
    for (const { supervisor, signal } of members) if (supervisor.status().pid) signal('SIGCONT');
    await Promise.all(members.map(({ supervisor }) => supervisor.stop()));
    rmSync(directory, { recursive: true, force: true });
  }

  function member(
    name: string,
    ports: readonly number[],
    initialCluster: string,
    state: 'new' | 'existing',
  ): TestMember {
    const peerUrl = `https://127.0.0.1:${ports[0]}`;
    const clientUrl = `https://127.0.0.1:${ports[1]}`;
    const supervisor = createEtcdSupervisor({
      binary: 'etcd',
      name,
      dataDir: join(directory, name),
      peerUrl,
      clientUrl,
      tls: pki.files,
      initialCluster,
      initialClusterState: state,
      clusterToken,
      heartbeatMs: options.heartbeatMs ?? 50,
      electionMs: options.electionMs ?? 300,
      quotaBytes: 256 * 1024 * 1024,
      strictReconfigCheck: options.strictReconfigCheck ?? true,
      stopTimeoutMs: 2000,
      log: log.child({ member: name }),
    });
    const made: TestMember = {
      name,
      clientUrl,
      peerUrl,
      supervisor,
      signal(signal) {
        const { pid } = supervisor.status();
        if (!pid) throw new Error(`${name} is not running`);
        process.kill(pid, signal);
      },
    };
    members.push(made);
    return made;
  }

  const size = options.size ?? 1;
  const ports = await freePorts(size * 2);
  const names = Array.from({ length: size }, (_, n) => `m${n + 1}`);
  const initial = names.map((name, n) => `${name}=https://127.0.0.1:${ports[2 * n]}`).join(',');
  for (const [n, name] of names.entries()) member(name, ports.slice(2 * n, 2 * n + 2), initial, 'new');
  try {
    await Promise.all(members.map(({ supervisor }) => supervisor.start()));
  } catch (error) {
    await stop();
    throw error;
  }

  return {
    directory,
    pki,
    members,
    endpoints: () => members.map(({ clientUrl }) => clientUrl),
    client(first = 0) {
      const client = createEtcdClient({
        endpoints: () => {
          const urls = members.map(({ clientUrl }) => clientUrl);
          return [...urls.slice(first), ...urls.slice(0, first)];
        },
        tls: pki.tls,
        log,
      });
      clients.push(client);
      return client;
    },
    async prepareMember() {
      const name = `m${members.length + 1}`;
      const more = await freePorts(2);
      const known = members.map((other) => `${other.name}=${other.peerUrl}`);
      return member(name, more, [...known, `${name}=https://127.0.0.1:${more[0]}`].join(','), 'existing');
    },
    stop,
  };
}
