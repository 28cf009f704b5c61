/** What the tests of this folder share: real certificates, real HTTP nodes and a real HAProxy, all on loopback. */
// First: the certificate library wants the reflection API that this adds.
import '@abraham/reflection';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { webcrypto } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import https from 'node:https';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
type Keys = Awaited<ReturnType<typeof generateKeys>>;

function generateKeys() {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']) as Promise<webcrypto.CryptoKeyPair>;
}

export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

export class TestCa {
  private constructor(
    private readonly keys: Keys,
    private readonly certificate: x509.X509Certificate,
  ) {}

  static async create(): Promise<TestCa> {
    const keys = await generateKeys();
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      name: 'CN=Test CA',
      keys,
      signingAlgorithm: ALGORITHM,
      notBefore: new Date(Date.now() - 60_000),
      notAfter: new Date(Date.now() + 3_600_000),
      extensions: [new x509.BasicConstraintsExtension(true, 1, true)],
    });
    return new TestCa(keys, certificate);
  }

  get pem(): string {
    return this.certificate.toString('pem');
  }

  async issue(commonName: string, names: { type: 'dns' | 'ip'; value: string }[]): Promise<Certificate> {
    const keys = await generateKeys();
    const certificate = await x509.X509CertificateGenerator.create({
      subject: `CN=${commonName}`,
      issuer: this.certificate.subject,
      publicKey: keys.publicKey,
      signingKey: this.keys.privateKey,
      signingAlgorithm: ALGORITHM,
      notBefore: new Date(Date.now() - 60_000),
      notAfter: new Date(Date.now() + 3_600_000),
      extensions: [new x509.SubjectAlternativeNameExtension(names)],
    });
    const key = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
    return {
      cert: certificate.toString('pem'),
      key: `-----BEGIN PRIVATE KEY-----\n${key.replace(/.{64}/g, '$&\n')}\n-----END PRIVATE KEY-----\n`,
    };
  }
}

/** A small stand-in for a node: readiness, its own id, an echo of headers, an event stream. */
export class TestNode {
  ready = true;
  /** Events are sent only when told. */
  readonly streams = new Set<ServerResponse>();
  readonly posts: string[] = [];
  readonly #sockets = new Set<Socket>();

  private constructor(
    readonly id: number,
    private readonly server: http.Server | https.Server,
  ) {}

  static async start(id: number, certificate?: Certificate): Promise<TestNode> {
    const server = certificate ? https.createServer(certificate) : http.createServer();
    const node = new TestNode(id, server);
    server.on('request', (request: IncomingMessage, response: ServerResponse) => node.#answer(request, response));
    server.on('connection', (socket: Socket) => {
      node.#sockets.add(socket);
      socket.once('close', () => node.#sockets.delete(socket));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return node;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    if (request.url === '/readyz') {
      const honest = request.method === 'GET' && request.httpVersion === '1.1' && request.headers.host;
      response.writeHead(this.ready && honest ? 200 : 503).end();
    } else if (request.url === '/echo') {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(request.headers));
    } else if (request.url === '/stream') {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(`data: hello from ${this.id}\n\n`);
      this.streams.add(response);
    } else {
      if (request.method === 'POST') this.posts.push(request.url ?? '');
      response.writeHead(200).end(String(this.id));
    }
  }

  /** As kill -9: the port is gone and every connection with it. */
  async kill(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}

export class TestFolder {
  readonly path = mkdtempSync(join(tmpdir(), 'quorate-haproxy-'));

  write(name: string, text: string): string {
    const file = join(this.path, name);
    writeFileSync(file, text, { mode: 0o600 });
    return file;
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** What `haproxy -c` says besides that the file is valid; empty = valid without a warning. */
export function haproxyComplaints(file: string): string {
  const result = spawnSync('haproxy', ['-c', '-f', file], { encoding: 'utf8', timeout: 10_000 });
  if (result.error) throw result.error;
  const said = `${result.stdout}${result.stderr}`
    .split('\n')
    .filter((line) => !/^Configuration file is valid|^$/.test(line));
  return result.status === 0 ? said.join('\n') : `exit status ${result.status}\n${said.join('\n')}`;
}

export class TestHaproxy {
  private constructor(private readonly child: ChildProcess) {}

  /** Starts HAProxy in the foreground and waits until it accepts on `port`. @throws with its output when it does not */
  static async start(file: string, port: number): Promise<TestHaproxy> {
    const child = spawn('haproxy', ['-db', '-f', file], { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (output += chunk));
    const haproxy = new TestHaproxy(child);
    try {
      await until(async () => {
        if (child.exitCode !== null) throw new Error(`haproxy ended: ${output}`);
        return accepts(port);
      });
    } catch (error) {
      await haproxy.stop();
      throw error;
    }
    return haproxy;
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => this.child.once('exit', () => resolve()));
    this.child.kill('SIGKILL');
    await ended;
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

/** Polls every 50 ms. @throws when the condition does not hold within `timeoutMs` */
export async function until(condition: () => Promise<boolean> | boolean, timeoutMs = 8000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`the condition did not hold within ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Loopback ports that were free a moment ago. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  await Promise.all(servers.map((server) => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

export interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

/** One request on a connection of its own, so that every answer shows a fresh choice of server. */
export function request(url: string, options: https.RequestOptions = {}): Promise<Answer> {
  const client = url.startsWith('https:') ? https : http;
  return new Promise((resolve, reject) => {
    const sent = client.request(url, { agent: false, timeout: 8000, ...options }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk) => (body += chunk));
      response.once('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
      response.once('error', reject);
    });
    sent.once('timeout', () => sent.destroy(new Error('no answer within 8 s')));
    sent.once('error', reject).end();
  });
}
