import { LOCAL_TARGET } from '@quorate/shared/backups';
import { and, eq } from 'drizzle-orm';
import { DomainError } from '../../commands/domain-error';
import { uuidv7 } from '../../lib/ids';
import type { Reconciler } from '../../reconcile/driver';
import { SYSTEM_ACTOR } from '../founding';
import type { AgeKey } from './age';
import { failBackup, forgetBackups, reportVerification } from './commands';
import { type MakerDeps, makeBackup } from './maker';
import { type BackupRow, backupsIn } from './queries';
import { createSafetyNotes, type SafetyDeps } from './safety';
import { backups } from './table';
import { type VerifierDeps, verifyStored } from './verifier';

export interface BackupRunner extends Reconciler {
  /** Begins to verify a backup once `begin` has recorded so, and returns. @throws DomainError conflict */
  verify(row: BackupRow, key: AgeKey | undefined, begin: () => Promise<unknown>): Promise<void>;
  stop(): Promise<void>;
}

export type RunnerDeps = MakerDeps & VerifierDeps & SafetyDeps;

const INTERRUPTED = 'the node stopped while it made the backup; make it again';

/** What this node does for backups: makes those that name it, one after the other, and deletes its files. */
export function createBackupRunner(deps: RunnerDeps): BackupRunner {
  const { nodeId, store, proposer, files, local, logger, signal } = deps;
  const noteSafety = createSafetyNotes(deps);
  const running = new Set<Promise<void>>();
  const verifying = new Set<string>();
  let making: string | undefined;
  let tidied = false;

  const propose = <I, R>(command: Parameters<typeof proposer.propose<I, R>>[0], input: I) =>
    proposer.propose(command, input, { actor: SYSTEM_ACTOR, id: uuidv7() });

  function track(work: Promise<void>, what: string): void {
    const task = work.catch((error: unknown) => logger.warn({ err: error }, what)).finally(() => running.delete(task));
    running.add(task);
  }

  /** What an earlier process of this node has begun: its record must not say `running` for ever. */
  async function endInterrupted(): Promise<void> {
    // Looked up at one moment: what is being made now is not among them, even when it ends meanwhile.
    const left = backupsIn(store.db, 'running').filter((row) => row.nodeId === nodeId && row.id !== making);
    const unverified = store.db
      .select()
      .from(backups)
      .where(and(eq(backups.verification, 'running'), eq(backups.verifyNode, nodeId)))
      .all()
      .filter(({ id }) => !verifying.has(id));
    for (const row of left) {
      await files
        .withStorage(row.target, (storage) => storage.remove(row.file))
        .catch((error: unknown) => {
          logger.warn({ err: error, backup: row.id }, 'what is left of a backup could not be deleted');
        });
      await propose(failBackup, { id: row.id, code: 'interrupted', detail: INTERRUPTED });
    }
    for (const { id } of unverified) {
      const detail = `node ${nodeId} stopped while it verified the backup; verify it again`;
      await propose(reportVerification, { id, state: 'none' as const, detail });
    }
  }

  /** Once, before anything is made: files of backups that the leader gave up while this node was away. */
  async function tidy(): Promise<void> {
    if (tidied) return;
    local.tidy();
    for (const row of backupsIn(store.db, 'failed'))
      if (row.nodeId === nodeId && row.target === LOCAL_TARGET) await local.remove(row.file);
    tidied = true;
  }

  async function deleteOwn(): Promise<void> {
    const own = backupsIn(store.db, 'deleting').filter((row) => row.nodeId === nodeId && row.target === LOCAL_TARGET);
    for (const row of own) await (row.kind === 'safety' ? deps.safety : local).remove(row.file);
    if (own.length > 0) await propose(forgetBackups, { ids: own.slice(0, 100).map((row) => row.id) });
  }

  function startNext(): void {
    const next = backupsIn(store.db, 'queued').find((row) => row.nodeId === nodeId);
    if (!next || making !== undefined || signal.aborted) return;
    making = next.id;
    const work = makeBackup(deps, next).finally(() => {
      making = undefined;
    });
    track(work, 'the outcome of a backup could not be recorded');
  }

  return {
    name: 'backups',
    intervalMs: 500,
    async run() {
      await tidy();
      startNext();
      await deleteOwn();
      await endInterrupted();
      await noteSafety();
    },
    async verify(row, key, begin) {
      if (verifying.has(row.id)) throw new DomainError('conflict', 'this backup is being verified already', [], 5);
      verifying.add(row.id);
      try {
        await begin();
      } catch (error) {
        verifying.delete(row.id);
        throw error;
      }
      const work = verifyStored(deps, row, key).finally(() => verifying.delete(row.id));
      track(work, 'the outcome of a verification could not be recorded');
    },
    async stop() {
      await Promise.all(running);
    },
  };
}
