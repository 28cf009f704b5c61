import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Cluster, clusterRoutes } from '@quorate/shared/cluster';
import { type Connector, connectorRoutes } from '@quorate/shared/connector';
import { type Join, joinRoutes } from '@quorate/shared/joins';
import { pairingRoutes } from '@quorate/shared/pairing';
import Database from 'better-sqlite3';
import { type Identity, loadIdentity } from '../../cluster/pki/identity';
import { loadNodeFile, type NodeFile } from '../../cluster/pki/node-file';
import type { LoadedConfig } from '../../config/load';
import { agentFailure, openAgent } from '../agent-client';
import { codeOf } from '../host-error';
import { readStateFile, type StateFileFacts } from '../state-file';

/** What could be found out, or why not. */
export type Found<T> = { readonly value: T; readonly error?: undefined } | { readonly error: unknown };

/** Everything the checks look at, gathered once and without changing anything. */
export interface Facts {
  readonly loaded: LoadedConfig;
  readonly migrationsDir: string;
  readonly version: string;
  readonly now: number;
  readonly nodeFile: Found<NodeFile | undefined>;
  readonly identity: Found<Identity | undefined>;
  readonly state: Found<StateFileFacts | undefined>;
  /** The running daemon's own view, over its agent socket. */
  readonly cluster: Cluster | undefined;
  /** Whether nobody has set the node up: then it listens on the cluster address for a cluster that adds it. */
  readonly waiting: boolean;
  /** Joins that are not done, as the running daemon knows them. */
  readonly openJoins: readonly Join[];
  /** What it says of the connection to the upstream. */
  readonly connector: Connector | undefined;
  /** Code of the failure to ask it, such as ENOENT; '' when it answered. */
  readonly agentFailure: string;
  /** Whether a daemon has the data directory, as its lock says; undefined when that cannot be told. */
  readonly running: boolean | undefined;
}

function attempt<T>(read: () => T): Found<T> {
  try {
    return { value: read() };
  } catch (error) {
    return { error };
  }
}

export const present = <T>(found: Found<T>): T | undefined => ('value' in found ? found.value : undefined);

const AGENT_MS = 3_000;

type Asked = Pick<Facts, 'cluster' | 'waiting' | 'openJoins' | 'connector' | 'agentFailure'>;

async function askAgent(dataDir: string): Promise<Asked> {
  const agent = openAgent(dataDir, AGENT_MS);
  try {
    const cluster = await agent.client.call(clusterRoutes.get, {});
    const joins = await agent.client.call(joinRoutes.list, { query: { limit: 100 } });
    const waiting = await agent.client.call(pairingRoutes.code, {}).then(
      () => true,
      () => false,
    );
    const connector = await agent.client.call(connectorRoutes.get, {}).catch(() => undefined);
    return {
      cluster,
      waiting,
      connector,
      openJoins: joins.items.filter(({ state }) => state !== 'done'),
      agentFailure: '',
    };
  } catch (error) {
    return {
      cluster: undefined,
      waiting: false,
      openJoins: [],
      connector: undefined,
      agentFailure: agentFailure(error) || 'no answer',
    };
  } finally {
    await agent.close();
  }
}

/** Whether the directory's lock is held: a daemon runs, even when it does not answer. */
function isLocked(dataDir: string): boolean | undefined {
  const path = join(dataDir, 'lock');
  if (!existsSync(path)) return false;
  let file: Database.Database | undefined;
  try {
    file = new Database(path, { readonly: true, fileMustExist: true, timeout: 0 });
    file.prepare('SELECT 1 FROM sqlite_master').get();
    return false;
  } catch (error) {
    return codeOf(error) === 'SQLITE_BUSY' ? true : undefined;
  } finally {
    file?.close();
  }
}

export async function gatherFacts(
  loaded: LoadedConfig,
  { migrationsDir, version, now }: { migrationsDir: string; version: string; now: number },
): Promise<Facts> {
  const { data_dir: dataDir } = loaded.config;
  const asked = await askAgent(dataDir);
  return {
    ...asked,
    loaded,
    migrationsDir,
    version,
    now,
    nodeFile: attempt(() => loadNodeFile(dataDir)),
    identity: attempt(() => loadIdentity(dataDir)),
    state: attempt(() => readStateFile(dataDir, { thorough: true })),
    running: asked.cluster ? true : isLocked(dataDir),
  };
}
