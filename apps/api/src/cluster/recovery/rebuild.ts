import { copyFileSync, existsSync, linkSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import type { CommandRegistry } from '../../commands/define-command';
import { FEATURE_LEVEL } from '../../commands/define-command';
import { openStateStore } from '../../db/state-store';
import type { Clock } from '../../lib/clock';
import { uuidv7 } from '../../lib/ids';
import type { Logger } from '../../lib/logger';
import { createApplier } from '../../replication/applier';
import { createLocalLog } from '../../replication/local-log';
import { createProposer } from '../../replication/proposer';
import { liveMembers } from '../members/admission';
import type { Member } from '../members/table';
import { writeFileAtomic } from '../pki/atomic-file';
import { type NodeFile, saveNodeFile } from '../pki/node-file';
import { sync } from '../restore/prepare';
import { removeWal } from '../restore/state-file-check';
import { recoverCluster } from './commands';
import type { OpenedJournal } from './journal-tail';
import { RECOVERED_KEY } from './regrowth';
import { unfinishedPath } from './unfinished';

const LOCAL_ACTOR = { kind: 'local', id: 'local', name: 'local' } as const;

export interface Rebuilt {
  readonly epoch: number;
  readonly index: number;
  readonly removed: readonly number[];
}

/** Copies a state file with its WAL, whoever made it, into one that stands alone. */
export function copyStateFile(from: string, to: string): void {
  copyFileSync(from, to);
  if (existsSync(`${from}-wal`)) copyFileSync(`${from}-wal`, `${to}-wal`);
  const file = new Database(to);
  file.pragma('wal_checkpoint(TRUNCATE)');
  file.close();
  removeWal(to);
}

/**
 * Applies what a survivor's journal holds beyond its state to a copy of that.
 *
 * @returns the members by then. @throws Error the journal could not be read to its end
 */
export async function bringForward(options: {
  path: string;
  journal: OpenedJournal;
  migrationsDir: string;
  registry: CommandRegistry;
  logger: Logger;
}): Promise<readonly Member[]> {
  const { path, registry, logger } = options;
  const store = openStateStore({ path, migrationsDir: options.migrationsDir, durability: 'FULL' });
  let fatal: unknown;
  const onFatal = (error: unknown): void => {
    fatal = error;
  };
  try {
    await options.journal.applyTo(createApplier({ store, registry, logger, onFatal }));
    return liveMembers(store.db);
  } catch (error) {
    throw fatal ?? error;
  } finally {
    store.close();
  }
}

/**
 * Makes the state of a cluster of one from a copy of a survivor's: adds the entry of a new epoch that puts every other
 * member out.
 *
 * @throws DomainError node not a member
 */
export async function rebuildState(options: {
  path: string;
  nodeId: number;
  source: string;
  migrationsDir: string;
  registry: CommandRegistry;
  clock: Clock;
  logger: Logger;
}): Promise<Rebuilt> {
  const { path, nodeId, source, registry, logger } = options;
  const store = openStateStore({ path, migrationsDir: options.migrationsDir, durability: 'FULL' });
  let fatal: unknown;
  const onFatal = (error: unknown): void => {
    fatal = error;
  };
  try {
    const applier = createApplier({ store, registry, logger, onFatal });
    const epoch = applier.position.epoch + 1;
    applier.rebase({ epoch, cursor: '' });
    const { index: tip } = applier.position;
    const proposer = createProposer({
      applier,
      nodeId: () => nodeId,
      clock: options.clock,
      logger,
      clusterLevel: () => FEATURE_LEVEL,
      quorumHeld: () => true,
    });
    proposer.attach(createLocalLog({ epoch, tip, commit: (entry) => applier.apply(entry) }));
    const input = { nodeId, epoch, source };
    const { result, index } = await proposer.propose(recoverCluster, input, { actor: LOCAL_ACTOR, id: uuidv7() });
    proposer.close();
    return { epoch, index, removed: result.removed };
  } catch (error) {
    throw fatal ?? error;
  } finally {
    store.close();
  }
}

/**
 * Puts the rebuilt state in place and keeps what was there. A kill before the end leaves a node that does not start: with the
 * old journal it would still vote in the cluster that it left. Run again, it goes on from what it finds.
 *
 * @returns the folder with what was there before
 */
export function commitRecovery(options: { dataDir: string; state: string; nodeFile: NodeFile; atMs: number }): string {
  const { dataDir, state, nodeFile } = options;
  const time = new Date(options.atMs).toISOString().replaceAll(/[-:]|\.\d+/g, '');
  const kept = join(dataDir, `before-recover-${time}`);
  mkdirSync(kept, { mode: 0o700 });
  const statePath = join(dataDir, 'state.db');
  if (existsSync(statePath)) linkSync(statePath, join(kept, 'state.db'));
  if (existsSync(`${statePath}-wal`)) copyFileSync(`${statePath}-wal`, join(kept, 'state.db-wal'));
  copyFileSync(join(dataDir, 'node.json'), join(kept, 'node.json'));
  sync(state);
  const mark = unfinishedPath(dataDir);
  writeFileAtomic(mark, `${time}\n`);
  // The WAL goes first: over another file it would be taken for that file's own.
  removeWal(statePath);
  renameSync(state, statePath);
  sync(dirname(statePath));
  const raft = join(dataDir, 'raft');
  if (existsSync(raft)) renameSync(raft, join(kept, 'raft'));
  rmSync(`${raft}.starting`, { force: true });
  sync(kept);
  sync(dataDir);
  saveNodeFile(dataDir, { ...nodeFile, mode: 'single', stage: 'complete', members: [], [RECOVERED_KEY]: true });
  rmSync(mark);
  sync(dataDir);
  return kept;
}
