import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { joinFromConfig } from '../cluster/join/from-config';
import { loadConfig } from '../config/load';
import { type Clock, systemClock } from '../lib/clock';
import { createLogger, silentLogger } from '../lib/logger';
import { type QuorateNode, startNode } from '../node';
import { ADMIN, type Answer, callApi } from './api-node';
import { loopbackHost } from './member';
import { MIGRATIONS_DIR } from './state';
import { until } from './until';

const VERSION = '0.0.0-test';
const JOIN_MS = 60_000;

type Settings = Readonly<Record<string, string>>;

/** A node of a {@link TestCluster}, running or not. */
export interface ClusterNode {
  readonly name: string;
  readonly host: string;
  readonly dataDir: string;
  readonly node: QuorateNode;
  readonly running: boolean;
  /** What this node called fatal. */
  readonly fatal: readonly unknown[];
  call(method: string, path: string, body?: unknown): Promise<Answer>;
  stop(): Promise<void>;
  /** Starts it again in the same place. */
  start(): Promise<void>;
}

/** Real nodes in this process, each with a real etcd, on loopback addresses of their own. */
export interface TestCluster {
  readonly nodes: readonly ClusterNode[];
  node(index: number): ClusterNode;
  /** Bearer token of the admin. */
  readonly token: string | undefined;
  leader(): Promise<ClusterNode>;
  /** One replicated write through a node. */
  write(at?: ClusterNode): Promise<void>;
  stop(): Promise<void>;
}

/** Grows a cluster of `size` voters by join tokens; `settings` hold for every node, `clockOf` for the one of that name. */
export async function startTestCluster(
  size: number,
  settings: Settings = {},
  clockOf: (name: string) => Clock = () => systemClock,
): Promise<TestCluster> {
  const members: (ClusterNode & { readonly ready: () => Promise<void> })[] = [];
  let token: string | undefined;
  let writes = 0;

  async function run(dataDir: string, name: string, host: string, more: Settings, fatal: unknown[]) {
    const all = {
      data_dir: dataDir,
      'node.name': name,
      'api.address': `${host}:8440`,
      'cluster.address': `${host}:7000`,
      ...settings,
      ...more,
    };
    const flags = Object.entries(all).map(([key, value]) => ({ key, value, flag: `--set ${key}` }));
    const { config } = loadConfig({ file: undefined, env: {}, flags, host: { hostname: name, ipv4: undefined } });
    const logger = process.env['QUORATE_TEST_LOG'] ? createLogger({ level: 'info', format: 'text' }) : silentLogger();
    const clock = clockOf(name);
    return startNode(config, {
      logger,
      clock,
      version: VERSION,
      migrationsDir: MIGRATIONS_DIR,
      webDir: undefined,
      onFatal: (error) => void fatal.push(error),
      join: () => joinFromConfig({ config, version: VERSION, clock, logger }),
    });
  }

  async function add(name: string, more: Settings): Promise<void> {
    const host = loopbackHost();
    const dataDir = mkdtempSync(join(tmpdir(), 'quorate-cluster-'));
    const fatal: unknown[] = [];
    let node: QuorateNode | undefined = await run(dataDir, name, host, more, fatal);
    const call = (method: string, path: string, body?: unknown): Promise<Answer> =>
      callApi(`http://${host}:8440`, method, path, {
        ...(token === undefined ? {} : { token }),
        ...(body === undefined ? {} : { body }),
      });
    members.push({
      name,
      host,
      dataDir,
      fatal,
      call,
      get node() {
        if (!node) throw new Error(`${name} does not run`);
        return node;
      },
      get running() {
        return node !== undefined;
      },
      async stop() {
        const running = node;
        node = undefined;
        await running?.stop();
      },
      async start() {
        node = await run(dataDir, name, host, more, fatal);
      },
      ready: () => until(async () => (await call('GET', '/readyz')).status === 200, `${name} is ready`, JOIN_MS),
    });
  }

  const at = (index: number): ClusterNode => {
    const found = members[index];
    if (!found) throw new Error(`there is no node ${index}`);
    return found;
  };

  async function stop(): Promise<void> {
    for (const member of [...members].reverse()) {
      await member.stop();
      rmSync(member.dataDir, { recursive: true, force: true });
    }
  }

  async function grow(): Promise<void> {
    await add('n1', {});
    const first = at(0);
    await first.call('POST', '/v1/setup', { cluster_name: 'test', ...ADMIN });
    token = (await first.call('POST', '/v1/session', ADMIN)).body.token;
    for (let index = 1; index < size; index += 1) {
      const minted = await first.call('POST', '/v1/nodes/join-tokens', {});
      if (minted.status !== 201) throw new Error(minted.text);
      await add(`n${index + 1}`, {
        'cluster.mode': 'join',
        'cluster.join.url': `https://${first.host}:7000`,
        'cluster.join.token': minted.body.token,
        'cluster.join.ca_fingerprint': minted.body.ca_fingerprint,
      });
      await members[index]?.ready();
    }
  }

  try {
    await grow();
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    nodes: members,
    node: at,
    token,
    async leader() {
      let leader: ClusterNode | undefined;
      await until(async () => {
        const { leader_id } = (await at(0).call('GET', '/v1/cluster')).body;
        leader = members.find((member) => member.node.nodeId === leader_id);
        return leader !== undefined;
      }, 'there is a leader');
      return leader ?? at(0);
    },
    async write(through = at(0)) {
      writes += 1;
      const made = await through.call('POST', '/v1/api-tokens', { name: `write-${writes}`, role: 'viewer' });
      if (made.status !== 201) throw new Error(made.text);
    },
    stop,
  };
}
