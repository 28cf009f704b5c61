import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Problem } from '@quorate/shared/problem';
import type { Role } from '@quorate/shared/route';
import { loadConfig } from '../config/load';
import type { Clock } from '../lib/clock';
import { type Logger, silentLogger } from '../lib/logger';
import { type QuorateNode, startNode } from '../node';
import { freePorts } from './etcd';
import { MIGRATIONS_DIR } from './state';

export const ADMIN = { username: 'ada', password: 'correct horse battery' } as const;

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The parsed body; `{}` when it is no JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape.
  readonly body: any;
}

export interface CallOptions {
  readonly token?: string | undefined;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
}

/** A real node of its own, with its real HTTP listener on loopback. Call `stop` in a finally or afterAll. */
export interface ApiNode {
  readonly node: QuorateNode;
  readonly url: string;
  readonly directory: string;
  readonly fatal: readonly unknown[];
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
  /** Creates the first admin; answers with a bearer token. */
  setUp(): Promise<string>;
  /** A user of that role and a bearer token for it. */
  createUser(adminToken: string, username: string, role: Role): Promise<{ id: string; token: string }>;
  signIn(username: string, password: string): Promise<string>;
  stop(): Promise<void>;
}

/** Sends one request; never throws on a status. */
export async function callApi(baseUrl: string, method: string, path: string, options: CallOptions = {}) {
  const { token, body, headers = {} } = options;
  const isText = typeof body === 'string' || body instanceof Uint8Array;
  const response = await fetch(baseUrl + path, {
    method,
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: isText ? (body as string) : JSON.stringify(body) }),
    signal: AbortSignal.timeout(20_000),
  });
  const text = await response.text();
  let parsed: unknown = {};
  if (/json/.test(response.headers.get('content-type') ?? '') && text !== '') parsed = JSON.parse(text);
  return { status: response.status, headers: response.headers, text, body: parsed } as Answer;
}

export async function startApiNode(
  options: {
    clock?: Clock;
    settings?: Record<string, string>;
    logger?: Logger;
    logTail?: () => readonly string[];
  } = {},
): Promise<ApiNode> {
  const directory = mkdtempSync(join(tmpdir(), 'quorate-api-'));
  const [api, cluster, peer, client] = await freePorts(4);
  const settings = {
    data_dir: directory,
    'node.name': 'alpha',
    'api.address': `127.0.0.1:${api}`,
    'cluster.address': `127.0.0.1:${cluster}`,
    'raft.peer_address': `127.0.0.1:${peer}`,
    'raft.client_address': `127.0.0.1:${client}`,
    ...options.settings,
  };
  const flags = Object.entries(settings).map(([key, value]) => ({ key, value, flag: `--set ${key}` }));
  const { config } = loadConfig({ file: undefined, env: {}, flags, host: { hostname: 'alpha', ipv4: undefined } });
  const fatal: unknown[] = [];
  const node = await startNode(config, {
    logger: options.logger ?? silentLogger(),
    ...(options.logTail ? { logTail: options.logTail } : {}),
    version: '0.0.0-test',
    migrationsDir: MIGRATIONS_DIR,
    webDir: undefined,
    onFatal: (error) => void fatal.push(error),
    join: () => Promise.reject(new Error('this node does not join')),
    ...(options.clock ? { clock: options.clock } : {}),
  }).catch((error: unknown) => {
    rmSync(directory, { recursive: true, force: true });
    throw error;
  });
  const { url } = node;
  const call = (method: string, path: string, more?: CallOptions): Promise<Answer> => callApi(url, method, path, more);

  async function expectStatus(answer: Promise<Answer>, status: number): Promise<Answer> {
    const got = await answer;
    if (got.status === status) return got;
    throw new Error(`expected ${status}, got ${got.status}: ${(got.body as Problem).detail ?? got.text}`);
  }

  async function signIn(username: string, password: string): Promise<string> {
    const answer = await expectStatus(call('POST', '/v1/session', { body: { username, password } }), 201);
    return answer.body.token as string;
  }

  return {
    node,
    url,
    directory,
    fatal,
    call,
    async setUp() {
      await expectStatus(call('POST', '/v1/setup', { body: { cluster_name: 'test', ...ADMIN } }), 201);
      return signIn(ADMIN.username, ADMIN.password);
    },
    async createUser(token, username, role) {
      const password = `the password of ${username}`;
      const made = await expectStatus(call('POST', '/v1/users', { token, body: { username, password, role } }), 201);
      return { id: made.body.id as string, token: await signIn(username, password) };
    },
    signIn,
    async stop() {
      await node.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
