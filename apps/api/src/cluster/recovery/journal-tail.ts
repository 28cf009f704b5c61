import { cpSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { delay, withTimeout } from '../../lib/async';
import type { Logger } from '../../lib/logger';
import type { Applier } from '../../replication/applier';
import { createEtcdClient, type EtcdClient } from '../../replication/etcd/client';
import { createEtcdSupervisor } from '../../replication/etcd/supervisor';
import { createEtcdLog } from '../../replication/etcd-log';
import { readGenesis } from '../../replication/etcd-log-genesis';
import { commitWholeLog } from './raft-wal';

const START_MS = 30_000;
const READ_MS = 120_000;

/** The journal of a lost cluster, opened from a copy by an etcd that is alone and asks nobody. */
export interface OpenedJournal {
  readonly epoch: number;
  readonly baseIndex: number;
  /** Chain at the base, hex. */
  readonly baseChain: string;
  /** Index of the last entry that it holds. */
  readonly tip: number;
  /** Raft term of that entry; undefined where it could not be told. */
  readonly term: number | undefined;
  /** Applies the entries up to the tip. @throws Error they are not all there */
  applyTo(applier: Applier): Promise<void>;
  close(): Promise<void>;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/**
 * Copies a raft folder and starts etcd on it as a cluster of one (--force-new-cluster), with every entry that it holds. The
 * original is not touched.
 *
 * @throws Error etcd cannot be started on it, or it holds no log
 */
export async function openJournal(options: {
  raftDir: string;
  workDir: string;
  binary: string;
  prefix: string;
  memberName: string;
  logger: Logger;
}): Promise<OpenedJournal> {
  const { workDir, logger, prefix } = options;
  const dataDir = join(workDir, 'raft');
  cpSync(options.raftDir, dataDir, { recursive: true });
  const term = commitWholeLog(dataDir)?.term;
  const peerUrl = `http://127.0.0.1:${await freePort()}`;
  const clientUrl = `http://127.0.0.1:${await freePort()}`;
  const supervisor = createEtcdSupervisor({
    binary: options.binary,
    name: options.memberName,
    dataDir,
    peerUrl,
    clientUrl,
    tls: null,
    initialCluster: `${options.memberName}=${peerUrl}`,
    initialClusterState: 'existing',
    clusterToken: 'quorate-recover',
    heartbeatMs: 100,
    electionMs: 1_000,
    quotaBytes: 8 * 1024 ** 3,
    forceNewCluster: true,
    log: logger,
  });
  const client = createEtcdClient({ endpoints: () => [clientUrl], tls: null, log: logger });
  const close = async (): Promise<void> => {
    client.close();
    await supervisor.stop();
  };
  try {
    await withTimeout(supervisor.start(), START_MS, 'etcd was not ready in time');
    return { ...(await read(client, prefix, logger)), term, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function read(
  client: EtcdClient,
  prefix: string,
  logger: Logger,
): Promise<Omit<OpenedJournal, 'close' | 'term'>> {
  const genesis = await retried(() => readGenesis(client, prefix));
  if (!genesis) throw new Error(`the journal holds no log at ${prefix}`);
  const { epoch, base_index: baseIndex, chain: baseChain } = genesis;
  const log = createEtcdLog({ client, prefix, epoch, log: logger });
  const tip = await retried(() => log.barrier());
  return {
    epoch,
    baseIndex,
    baseChain,
    tip,
    async applyTo(applier) {
      const stop = new AbortController();
      const timer = setTimeout(() => stop.abort(), READ_MS);
      const unsubscribe = applier.onApplied(({ index }) => index >= tip && stop.abort());
      try {
        if (applier.position.index < tip) await applier.follow(log, stop.signal);
      } finally {
        unsubscribe();
        clearTimeout(timer);
        await log.close();
      }
      const { index } = applier.position;
      if (index < tip) throw new Error(`the journal ends at ${tip}, but only entries up to ${index} could be read`);
    },
  };
}

/** A member that has just begun elects itself first. */
async function retried<T>(attempt: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + START_MS;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await delay(100);
    }
  }
}
