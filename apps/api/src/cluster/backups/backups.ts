import { join } from 'node:path';
import type { Hono } from 'hono';
import type { StateStore } from '../../db/state-store';
import type { Clock } from '../../lib/clock';
import type { Logger } from '../../lib/logger';
import { type ReconcilerHandle, startReconciler } from '../../reconcile/driver';
import type { Proposer } from '../../replication/proposer';
import type { Keyring } from '../keyring';
import type { ClusterEnv } from '../listener';
import type { PeerClient } from '../peer-client';
import { restoreDirOf } from '../restore/directory';
import { type BackupFiles, createBackupFiles } from './files';
import { createBackupKeeper } from './keeper';
import { createLocalStorage, type LocalStorage } from './local-storage';
import { type BackupRunner, createBackupRunner } from './runner';

export interface BackupsDeps {
  readonly nodeId: number;
  readonly dataDir: string;
  /** The folder for backups; empty = `backups` in the data directory. */
  readonly directory: string;
  readonly migrationsDir: string;
  readonly version: string;
  readonly store: StateStore;
  readonly proposer: Proposer;
  readonly client: PeerClient;
  readonly keyring: Pick<Keyring, 'unseal'>;
  readonly leads: () => boolean;
  /** When a member last answered, ms. */
  readonly lastSeenAt: (nodeId: number) => number | undefined;
  /** While it does, copies in its folder may be unfinished. */
  readonly isRestoring: () => boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** Backups as one node sees them: their files, what it makes itself, and what it does when it leads. */
export interface Backups {
  readonly files: BackupFiles;
  readonly local: LocalStorage;
  readonly runner: BackupRunner;
  /** Adds the path for peers to the cluster listener's application. */
  serve(app: Hono<ClusterEnv>): void;
  start(): ReconcilerHandle[];
  /** After `signal` was aborted: waits until nothing is under way any more. */
  stop(): Promise<void>;
}

export function createBackups(deps: BackupsDeps): Backups {
  const { nodeId, store, signal, client, logger } = deps;
  const db = () => store.db;
  const unseal = (name: string, jwe: string): Promise<string> => deps.keyring.unseal(name, jwe);
  const local = createLocalStorage(deps.directory || join(deps.dataDir, 'backups'), nodeId);
  const safety = createLocalStorage(restoreDirOf(deps.dataDir), nodeId);
  const files = createBackupFiles({ nodeId, db, local, safety, client, unseal, signal });
  const runner = createBackupRunner({ ...deps, db, local, safety, files, unseal });
  const keeper = createBackupKeeper({ ...deps, db, files });
  return {
    files,
    local,
    runner,
    serve: files.serve,
    start: () => [startReconciler(runner, logger), startReconciler(keeper, logger)],
    stop: () => runner.stop(),
  };
}
