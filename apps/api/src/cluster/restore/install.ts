import { createHash } from 'node:crypto';
import { existsSync, linkSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import type { StateStore } from '../../db/state-store';
import { delay } from '../../lib/async';
import type { Logger } from '../../lib/logger';
import type { Applier } from '../../replication/applier';
import type { Proposer } from '../../replication/proposer';
import { findOutcome } from '../../resources/outcomes/routes';
import { writeFileAtomic } from '../pki/atomic-file';
import { recordRestore, restoreCommandId } from './commands';
import type { RestoreDirectory } from './directory';
import { type RestoreMark, restoreMarkSchema } from './mark';
import { isMerged, mergeState, type RestoredPosition } from './merge';
import { sync } from './prepare';
import { removeWal } from './state-file-check';

export interface InstallerDeps {
  readonly directory: RestoreDirectory;
  readonly store: StateStore;
  readonly applier: Applier;
  readonly proposer: Proposer;
  /** Opens the keys of the new state. */
  readonly refreshKeys: () => Promise<void>;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** Puts a staged file in place of this node's state. */
export interface Installer {
  /** Where the state before the last switch of this process is kept. */
  readonly replacedPath: string | undefined;
  /**
   * Switches to the staged file while the process goes on. Nobody may apply entries meanwhile. A kill at any moment leaves
   * the old state or the new one: the switch is one rename. Whoever copies the state meanwhile is waited for.
   *
   * @param begins what the epoch begins with, as it stands in the log: it goes into the hash chain
   * @throws Error the file is not staged here, or cannot be merged: nothing was changed
   */
  install(mark: RestoreMark, epoch: number, begins: Uint8Array): Promise<void>;
  /** Resolves when nobody copies the state: before writes are held, so that they are held for the switch alone. */
  waitForReaders(): Promise<void>;
  /** At start: forgets a switch that a kill came before. */
  tidy(): void;
  /** Writes the restore into events and audit, if this node has switched and nobody has done it yet. */
  record(): Promise<void>;
}

const pendingSchema = z.object({ epoch: z.int(), mark: restoreMarkSchema });
const RECORD_TIMEOUT_MS = 15_000;
/** Copies and digests of the largest state are over by then. */
const READERS_MS = 10 * 60_000;
const READERS_POLL_MS = 50;
const BUSY_MS = 5_000;

export function createInstaller(deps: InstallerDeps): Installer {
  const { directory, store, applier, proposer, logger } = deps;
  const pendingPath = join(directory.path, 'switched.json');
  let replacedPath: string | undefined;

  function positionAfter(epoch: number, begins: Uint8Array): RestoredPosition {
    const { index, chain, lastAt } = applier.position;
    const next = createHash('sha256').update(chain).update(begins).digest('hex');
    return { epoch, index, chain: next, lastAt };
  }

  function readPending(): z.infer<typeof pendingSchema> | undefined {
    if (!existsSync(pendingPath)) return undefined;
    const parsed = pendingSchema.safeParse(JSON.parse(readFileSync(pendingPath, 'utf8')));
    return parsed.data;
  }

  /** Whether the state is one file now. Never waits for a reader: that would hold up every request. */
  function emptyWal(): boolean {
    const { $client: client } = store.db;
    client.pragma('busy_timeout = 0');
    try {
      const [checkpoint] = client.pragma('wal_checkpoint(TRUNCATE)') as { busy: number }[];
      return checkpoint?.busy === 0;
    } finally {
      client.pragma(`busy_timeout = ${BUSY_MS}`);
    }
  }

  /** Snapshots, backups and digests read the file in threads of their own, seconds long. */
  async function waitForReaders(): Promise<void> {
    const deadline = performance.now() + READERS_MS;
    while (!emptyWal()) {
      if (deps.signal.aborted) throw new Error('the node was stopped');
      if (performance.now() > deadline) throw new Error('another program reads the state file and does not end');
      await delay(READERS_POLL_MS, deps.signal);
    }
  }

  /** Synchronous: no request sees anything between the two states. */
  function swap(staged: string, replaced: string): void {
    store.replace(() => {
      rmSync(replaced, { force: true });
      linkSync(store.path, replaced);
      removeWal(store.path);
      renameSync(staged, store.path);
      sync(dirname(store.path));
    });
    applier.reload();
  }

  return {
    get replacedPath() {
      return replacedPath;
    },
    waitForReaders,
    async install(mark, epoch, begins) {
      const staged = directory.staged(mark.sha256);
      if (!existsSync(staged)) throw new Error(`the restored state ${mark.sha256} is not staged on this node`);
      const position = positionAfter(epoch, begins);
      if (!isMerged(staged, position)) await mergeState({ kind: mark.kind, staged, live: store.path, position });
      const before = applier.position;
      const replaced = directory.replaced(before.epoch, before.index);
      writeFileAtomic(pendingPath, JSON.stringify({ epoch, mark }));
      await waitForReaders();
      swap(staged, replaced);
      replacedPath = replaced;
      proposer.settleFrom((id) => findOutcome(store.db, id));
      await deps.refreshKeys();
      const { index } = applier.position;
      logger.info({ epoch, index, sha256: mark.sha256, replaced }, 'the state was replaced by the restored one');
    },
    tidy() {
      const pending = readPending();
      if (pending && applier.position.epoch < pending.epoch) rmSync(pendingPath, { force: true });
      directory.tidy();
    },
    async record() {
      const pending = readPending();
      if (!pending || applier.position.epoch < pending.epoch) return;
      const { epoch, mark } = pending;
      const input = {
        operationId: mark.operation,
        kind: mark.kind,
        source: mark.source,
        sha256: mark.sha256,
        epoch,
        fileEpoch: mark.file_epoch,
        fileIndex: mark.file_index,
      };
      const options = { actor: mark.actor, id: restoreCommandId(mark.operation), timeoutMs: RECORD_TIMEOUT_MS };
      await proposer.propose(recordRestore, input, options);
      rmSync(pendingPath, { force: true });
      directory.removeOldCopies();
    },
  };
}
