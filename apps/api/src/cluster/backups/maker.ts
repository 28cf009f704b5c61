import { statSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import type { BackupStage } from '@quorate/shared/backups';
import { ERROR_CODES } from '@quorate/shared/error-codes';
import type { CommandDefinition } from '../../commands/define-command';
import { DomainError } from '../../commands/domain-error';
import type { StateStore } from '../../db/state-store';
import { delay } from '../../lib/async';
import { uuidv7 } from '../../lib/ids';
import type { Logger } from '../../lib/logger';
import type { Proposer } from '../../replication/proposer';
import { createSnapshot, hashFile } from '../../replication/snapshot';
import { SYSTEM_ACTOR } from '../founding';
import { requireDiskSpace } from '../restore/disk-space';
import { discard } from '../restore/prepare';
import { runSqlInThread } from '../restore/sqlite-thread';
import { checkIntegrity, inspectStateFile } from '../restore/state-file-check';
import { type AgeLock, encryptFile } from './age';
import { completeBackup, failBackup, reportBackup } from './commands';
import type { BackupFiles } from './files';
import type { LocalStorage } from './local-storage';
import { type BackupRow, backupsIn, currentSettings } from './queries';

export interface MakerDeps {
  readonly nodeId: number;
  readonly store: StateStore;
  readonly proposer: Proposer;
  readonly migrationsDir: string;
  readonly local: LocalStorage;
  readonly files: BackupFiles;
  /** @throws SecretError */
  readonly unseal: (name: string, jwe: string) => Promise<string>;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** The name that the encryption of the passphrase is bound to. */
export const PASSPHRASE_NAME = 'backup-passphrase';

const BEGINS_AT: Record<BackupStage, number> = {
  waiting: 0,
  copying: 5,
  checking: 35,
  encrypting: 50,
  storing: 65,
  done: 100,
};
/** Progress is a command: not more often than this. */
const REPORT_EVERY_MS = 2_000;
/** How long the outcome of a backup waits for a quorum. */
const RECORD_MS = 60 * 60_000;
const RECORD_RETRY_MS = 1_000;

/** Makes one backup from beginning to end and records what became of it. Throws only where that cannot be recorded. */
export async function makeBackup(deps: MakerDeps, row: BackupRow): Promise<void> {
  const plain = deps.local.working(row.id, '.db');
  const sealed = deps.local.working(row.id, '.db.age');
  try {
    await make(deps, row, plain, sealed);
    deps.logger.info({ backup: row.id, target: row.target }, 'a backup was made');
  } catch (error) {
    deps.logger.warn({ err: error, backup: row.id }, 'a backup failed');
    await record(deps, failBackup, { id: row.id, ...reasonOf(error) }, `backup-failed-${row.id}`);
  } finally {
    discard(plain);
    discard(sealed);
  }
}

async function make(deps: MakerDeps, row: BackupRow, plain: string, sealed: string): Promise<void> {
  const { nodeId, store, local } = deps;
  const { id } = row;
  const enter = async (stage: BackupStage, percent = BEGINS_AT[stage]): Promise<void> => {
    const input = { id, nodeId, stage, percent };
    await deps.proposer.propose(reportBackup, input, { actor: SYSTEM_ACTOR, id: uuidv7() });
  };

  await enter('copying');
  await mkdir(local.directory, { recursive: true, mode: 0o700 });
  const copies = row.encryption === 'none' ? 1 : 2;
  requireDiskSpace(local.directory, statSync(store.path).size * copies, 'the backup');
  await createSnapshot(store, plain);
  // Without a WAL beside it the copy is one file, whoever opens it.
  await runSqlInThread({ path: plain, readonly: false, steps: [{ sql: 'PRAGMA journal_mode = DELETE' }] });
  await enter('checking');
  await checkIntegrity(plain);
  const facts = inspectStateFile(plain, deps.migrationsDir);
  const lock = await lockOf(deps, row);
  if (lock) {
    await enter('encrypting');
    await encryptFile(plain, sealed, lock);
  }
  const made = lock ? sealed : plain;
  const [sha256, bytes] = [await hashFile(made), statSync(made).size];
  await enter('storing');
  await storeFile(deps, row, made, (percent) => enter('storing', percent));
  const { epoch, index, lastAt: lastChangeAt, schemaVersion, clusterId } = facts;
  const outcome = { id, nodeId, bytes, sha256, epoch, index, lastChangeAt, schemaVersion, clusterId };
  await record(deps, completeBackup, outcome, `backup-completed-${id}`).catch(async (error: unknown) => {
    // Given up by the leader meanwhile: nobody would ever delete the file.
    if (error instanceof DomainError) await deps.files.withStorage(row.target, (storage) => storage.remove(row.file));
    throw error;
  });
}

/** Records an outcome; while there is no quorum it is tried again, under one id. @throws what apply refused with */
async function record<Input, Result>(
  { proposer, signal }: MakerDeps,
  command: CommandDefinition<Input, Result>,
  input: Input,
  id: string,
): Promise<void> {
  const giveUpAt = performance.now() + RECORD_MS;
  for (;;) {
    try {
      await proposer.propose(command, input, { actor: SYSTEM_ACTOR, id });
      return;
    } catch (error) {
      const refused = error instanceof DomainError && ERROR_CODES[error.code].status < 500;
      if (refused || signal.aborted || performance.now() > giveUpAt) throw error;
      await delay(RECORD_RETRY_MS, signal);
    }
  }
}

async function storeFile(
  deps: MakerDeps,
  row: BackupRow,
  made: string,
  report: (percent: number) => Promise<void>,
): Promise<void> {
  let reportedAt = performance.now();
  const failed = backupsIn(deps.store.db, 'failed').filter(({ target }) => target === row.target);
  await deps.files.withStorage(row.target, async (storage) => {
    // The target may have been away when they failed.
    await storage.sweep(new Set(failed.map(({ file }) => file)));
    await storage.put(row.file, made, async (percent) => {
      if (performance.now() - reportedAt < REPORT_EVERY_MS) return;
      reportedAt = performance.now();
      await report(Math.floor(BEGINS_AT.storing + (percent / 100) * (99 - BEGINS_AT.storing)));
    });
  });
}

/** By what the record says: it decides the name of the file, and the settings may have changed since. */
async function lockOf({ store, unseal }: MakerDeps, row: BackupRow): Promise<AgeLock | undefined> {
  if (row.encryption === 'none') return undefined;
  const { recipients, passphraseJwe, encryption } = currentSettings(store.db);
  const changed = new DomainError('conflict', 'the encryption of backups was changed meanwhile; make the backup again');
  if (encryption !== row.encryption) throw changed;
  if (row.encryption === 'recipients') return { recipients: JSON.parse(recipients) as string[] };
  if (passphraseJwe === null) throw changed;
  return { passphrase: await unseal(PASSPHRASE_NAME, passphraseJwe) };
}

const DISK_FULL = ['SQLITE_FULL', 'ENOSPC', 'EDQUOT'];

function reasonOf(error: unknown): { code: string; detail: string } {
  if (error instanceof DomainError) return { code: error.code, detail: error.message };
  const detail = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (DISK_FULL.includes(code) || /database or disk is full|ENOSPC/.test(detail)) {
    return {
      code: 'disk_space',
      detail: `the disk became full while the backup was made (${detail}); free space on it`,
    };
  }
  return { code: 'internal', detail };
}
