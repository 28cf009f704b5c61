import { join } from 'node:path';
import type { Config } from '../config/derive';
import type { Logger } from '../lib/logger';
import { createEtcdClient, type EtcdClient } from '../replication/etcd/client';
import { createEtcdSupervisor, type EtcdSupervisor } from '../replication/etcd/supervisor';
import { advertisedAddresses } from './addresses';
import type { Election } from './external/election';
import { pkiDirOf } from './pki/identity';

export const memberName = (nodeId: number): string => `node-${nodeId}`;
export const nodeIdOfMember = (name: string): number | undefined => {
  const match = /^node-(\d+)$/.exec(name);
  return match ? Number(match[1]) : undefined;
};

/** etcd's data directory inside ours: the journal, the system of record of a cluster. */
export const raftDirOf = (dataDir: string): string => join(dataDir, 'raft');

export interface RaftEngine {
  readonly client: EtcdClient;
  readonly supervisor: EtcdSupervisor;
  /** URL of this node's own member; undefined where etcd is the operator's. */
  readonly ownEndpoint: string | undefined;
  /** An etcd that the operator runs: its members, its compaction and its leader are not ours. */
  readonly external: boolean;
  /** Who leads among our nodes; where etcd is ours, its own leader does. */
  readonly election: Election | undefined;
  stop(): Promise<void>;
}

export interface RaftEngineOptions {
  readonly config: Config;
  readonly nodeId: number;
  /** Client addresses (`host:port`) of the other voters, asked anew at each call. */
  readonly otherClients: () => readonly string[];
  readonly tls: () => { ca: string; cert: string; key: string };
  /** `name=peerUrl,…`; counts only while the data directory is empty. */
  readonly initialCluster: string;
  readonly initialClusterState: 'new' | 'existing';
  readonly logger: Logger;
}

/** The etcd member of this node and a client that prefers it. Nothing is started yet. */
export function createRaftEngine(options: RaftEngineOptions): RaftEngine {
  const { config, nodeId, logger } = options;
  const { raftPeer, raftClient } = advertisedAddresses(config);
  const pki = pkiDirOf(config.data_dir);
  const ownEndpoint = `https://${raftClient}`;
  const client = createEtcdClient({
    endpoints: () => [ownEndpoint, ...options.otherClients().map((address) => `https://${address}`)],
    tls: options.tls(),
    log: logger,
  });
  const supervisor = createEtcdSupervisor({
    binary: config.raft.binary,
    name: memberName(nodeId),
    dataDir: raftDirOf(config.data_dir),
    peerUrl: `https://${raftPeer}`,
    clientUrl: ownEndpoint,
    listenPeerUrl: `https://${config.raft.peer_address}`,
    listenClientUrl: `https://${config.raft.client_address}`,
    tls: { ca: join(pki, 'ca.crt'), cert: join(pki, 'node.crt'), key: join(pki, 'node.key') },
    initialCluster: options.initialCluster,
    initialClusterState: options.initialClusterState,
    clusterToken: config.cluster.token,
    heartbeatMs: config.raft.heartbeat,
    electionMs: config.raft.election,
    quotaBytes: config.raft.quota_bytes,
    // It refuses every change for 5 s after any restart, learners included. Our own rules look at the quorum before and after.
    strictReconfigCheck: false,
    log: logger,
  });
  return {
    client,
    supervisor,
    ownEndpoint,
    external: false,
    election: undefined,
    async stop() {
      await supervisor.stop();
      client.close();
    },
  };
}
