import { randomBytes, randomInt } from 'node:crypto';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { mkdtempSync, rmSync } from 'node:fs';
import type { IncomingMessage, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Hono } from 'hono';
import { prepareFounding, proposeFounding } from '../cluster/founding';
import { type JoinOptions, joinCluster } from '../cluster/join/client';
import { createJoinApp, type JoinServerDeps } from '../cluster/join/server';
import { createJoinToken, joinTokenCommands } from '../cluster/join-tokens/commands';
import { SECRET } from '../cluster/keyring';
import { type ClusterEnv, type ClusterListener, createClusterListener } from '../cluster/listener';
import { isLiveMember } from '../cluster/members/admission';
import { memberCommands } from '../cluster/members/commands';
import type { Identity } from '../cluster/pki/identity';
import { fingerprintOf } from '../cluster/pki/keys';
import { decryptSecret } from '../cluster/pki/secrets';
import { createRegistry } from '../commands/define-command';
import { type Clock, systemClock } from '../lib/clock';
import { sha256Hex } from '../lib/hash';
import { uuidv7 } from '../lib/ids';
import { silentLogger } from '../lib/logger';
import { setupCommands } from '../resources/setup/commands';
import { type Replica, startReplica } from './replica';

export const memberRegistry = createRegistry([...setupCommands, ...memberCommands, ...joinTokenCommands]);

const CLUSTER_PORT = 7000;

type TokenInput = Parameters<typeof createJoinToken.apply>[1];

/** One founded node on an embedded log with a real cluster listener on loopback: what joiners talk to. */
export interface TestMember {
  readonly replica: Replica;
  readonly identity: Identity;
  readonly listener: ClusterListener;
  /** `host:port` of the cluster listener. */
  readonly address: string;
  readonly caFingerprint: string;
  readonly clock: Clock;
  /** Mints a token by command; returns its plaintext and id. */
  mint(change?: Partial<TokenInput>): Promise<{ id: string; token: string }>;
  /** HTTP requests that reached the listener, whatever they were answered. */
  readonly requestsSeen: () => number;
  stop(): Promise<void>;
}

/** @param app further routes behind the listener's authentication */
export async function startTestMember(
  options: { clock?: Clock; app?: Hono<ClusterEnv>; join?: Partial<JoinServerDeps>; clusterLevel?: number } = {},
): Promise<TestMember> {
  const clock = options.clock ?? systemClock;
  const replica = await startReplica({ log: 'local', registry: memberRegistry, clock });
  const host = loopbackHost();
  const address = `${host}:${CLUSTER_PORT}`;
  const founding = await prepareFounding({ dataDir: replica.directory, nodeId: 1, hosts: [host], clock });
  const addresses = { cluster: address, raftPeer: 'n1.test:1', raftClient: 'n1.test:2', apiUrl: 'http://n1.test:3' };
  const node = { id: 1, name: 'n1', addresses: { ...addresses, hosts: [host] }, version: '0.1.0' };
  await proposeFounding(replica.proposer, founding, node);
  const { identity } = founding;
  const caKeyJwe = founding.secrets.find(({ name }) => name === SECRET.caKey)?.jwe ?? '';
  const joinApp = createJoinApp({
    db: () => replica.store.db,
    propose: replica.proposer.propose,
    catchUp: () => replica.barrier(),
    cluster: () => ({ id: founding.clusterId, name: 'test', token: 'quorate', caPem: identity.caPem }),
    clusterKey: () => Promise.resolve(identity.clusterKey),
    caKey: () => decryptSecret(identity.clusterKey, SECRET.caKey, caKeyJwe),
    clusterLevel: () => options.clusterLevel ?? 1,
    version: '0.1.0',
    clock,
    logger: silentLogger(),
    attemptsPerMinute: 1000,
    ...options.join,
  });
  const app = new Hono<ClusterEnv>();
  if (options.app) app.route('/', options.app);
  app.route('/', joinApp);
  const listener = await createClusterListener({
    host,
    port: CLUSTER_PORT,
    tls: () => ({ ca: identity.caPem, cert: identity.certPem, key: identity.keyPem }),
    app,
    isPinned: (nodeId, pin) => isLiveMember(replica.store.db, nodeId, pin),
    logger: silentLogger(),
    clock,
  });
  const requests = countRequests(host);
  return {
    replica,
    identity,
    listener,
    address,
    caFingerprint: fingerprintOf(identity.caPem),
    clock,
    async mint(change = {}) {
      const token = `qj_${randomBytes(32).toString('base64url')}`;
      const unbound = { nodeName: null, nodeId: null, allowedCidrs: [] };
      const input = { id: uuidv7(), hash: sha256Hex(token), kind: 'cluster', maxUses: 1, ttlMs: 60_000 } as const;
      const { result } = await replica.propose(createJoinToken, { ...input, ...unbound, ...change });
      return { id: result.id, token };
    },
    requestsSeen: () => requests.count,
    async stop() {
      requests.stop();
      await listener.close();
      await replica.stop();
    },
  };
}

function countRequests(host: string): { readonly count: number; stop(): void } {
  let count = 0;
  const channel = 'http.server.request.start';
  const onRequest = (message: unknown): void => {
    const { server } = message as { request: IncomingMessage; server: Server };
    if ((server.address() as AddressInfo | null)?.address === host) count += 1;
  };
  subscribe(channel, onRequest);
  return {
    get count() {
      return count;
    },
    stop: () => void unsubscribe(channel, onRequest),
  };
}

/** A loopback address of its own, so that fixed ports on it are free of all other tests and of outgoing connections. */
export function loopbackHost(): string {
  return `127.${randomInt(64, 128)}.${randomInt(256)}.${randomInt(1, 255)}`;
}

/** A node that is about to join, with a data directory of its own. */
export interface TestJoiner {
  readonly dataDir: string;
  readonly stages: string[];
  readonly options: JoinOptions;
  join(change?: Partial<JoinOptions>): ReturnType<typeof joinCluster>;
  dispose(): void;
}

export function createTestJoiner(member: TestMember, token: string, name: string): TestJoiner {
  const dataDir = mkdtempSync(join(tmpdir(), 'quorate-joiner-'));
  const host = loopbackHost();
  const stages: string[] = [];
  const options: JoinOptions = {
    target: { address: member.address, token, caFingerprint: member.caFingerprint },
    dataDir,
    name,
    id: null,
    listen: { host, port: CLUSTER_PORT },
    addresses: {
      cluster: `${host}:${CLUSTER_PORT}`,
      raftPeer: `${name}.test:1`,
      raftClient: `${name}.test:2`,
      apiUrl: `http://${name}.test:3`,
    },
    version: '0.1.0',
    featureLevel: 1,
    clusterToken: 'quorate',
    timeoutMs: 10_000,
    clock: member.clock,
    onStage: (stage) => stages.push(stage),
  };
  return {
    dataDir,
    stages,
    options,
    join: (change = {}) => joinCluster({ ...options, ...change }),
    dispose: () => rmSync(dataDir, { recursive: true, force: true }),
  };
}
