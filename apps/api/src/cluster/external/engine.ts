import { readFileSync } from 'node:fs';
import type { Config } from '../../config/derive';
import type { Logger } from '../../lib/logger';
import type { EtcdTls } from '../../replication/etcd/channels';
import { createEtcdClient } from '../../replication/etcd/client';
import type { EtcdSupervisor } from '../../replication/etcd/supervisor';
import type { RaftEngine } from '../raft-engine';
import { startElection } from './election';

export interface ExternalEngineOptions {
  readonly config: Config;
  readonly nodeId: number;
  readonly prefix: string;
  /** This node's own certificates: what it shows where `raft.tls` names none. */
  readonly tls: () => EtcdTls;
  /** Whether this node may lead now. */
  readonly eligible: () => boolean;
  readonly logger: Logger;
}

/** An etcd that the operator runs: a client of it, and who leads among our nodes. Nothing is started or managed. */
export function createExternalEngine(options: ExternalEngineOptions): RaftEngine {
  const { config, nodeId, prefix, eligible, logger } = options;
  const { endpoints } = config.raft;
  const client = createEtcdClient({ endpoints: () => endpoints, tls: tlsOf(options), log: logger });
  const election = startElection({ client, prefix, nodeId, eligible, logger });
  return {
    client,
    external: true,
    election,
    supervisor: unsupervised(async () => {
      await client.call('Maintenance.Status', {}, { retry: 'safe', requireLeader: false });
    }),
    ownEndpoint: undefined,
    async stop() {
      await election.stop();
      client.close();
    },
  };
}

/** @throws Error (ENOENT and the like) naming the file */
function tlsOf({ config, tls }: ExternalEngineOptions): EtcdTls | null {
  const { endpoints, tls: files } = config.raft;
  if (endpoints.every((url) => url.startsWith('http://'))) return null;
  if (files.ca === '') return tls();
  const read = (path: string): string => readFileSync(path, 'utf8');
  return { ca: read(files.ca), cert: read(files.cert), key: read(files.key) };
}

/** Nothing runs here: `start` only asks whether it answers. */
function unsupervised(ask: () => Promise<void>): EtcdSupervisor {
  return {
    start: ask,
    stop: async () => {},
    restart: async () => {},
    status: () => ({ state: 'ready', pid: null, version: null, crashes: 0, trustedCa: null }),
    onExit: () => () => {},
  };
}
