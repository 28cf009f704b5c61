import type { BACKUP_VERIFICATIONS } from '@quorate/shared/backups';
import { DomainError } from '../../commands/domain-error';
import type { StateDb } from '../../db/state-store';
import { uuidv7 } from '../../lib/ids';
import type { Proposer } from '../../replication/proposer';
import { hashFile } from '../../replication/snapshot';
import { SYSTEM_ACTOR } from '../founding';
import { discard } from '../restore/prepare';
import { checkIntegrity, inspectStateFile } from '../restore/state-file-check';
import { type AgeKey, decryptFile } from './age';
import { reportVerification } from './commands';
import type { BackupFiles } from './files';
import type { LocalStorage } from './local-storage';
import { PASSPHRASE_NAME } from './maker';
import { type BackupRow, currentSettings } from './queries';

export interface VerifierDeps {
  readonly db: () => StateDb;
  readonly proposer: Proposer;
  readonly migrationsDir: string;
  readonly local: LocalStorage;
  readonly files: BackupFiles;
  /** @throws SecretError */
  readonly unseal: (name: string, jwe: string) => Promise<string>;
}

interface Verdict {
  readonly state: (typeof BACKUP_VERIFICATIONS)[number];
  readonly detail: string;
}

/** Reads a stored file back and records the verdict. `key` opens it; without one, the passphrase that is stored is tried. */
export async function verifyStored(deps: VerifierDeps, row: BackupRow, key: AgeKey | undefined): Promise<void> {
  const copy = deps.local.working(uuidv7(), '.verify');
  const opened = deps.local.working(uuidv7(), '.verify.db');
  let verdict: Verdict;
  try {
    await deps.files.fetch(row, copy);
    verdict = await judge(deps, row, copy, opened, key);
  } catch (error) {
    verdict = { state: verdictOf(error), detail: error instanceof Error ? error.message : String(error) };
  } finally {
    discard(copy);
    discard(opened);
  }
  const input = { id: row.id, ...verdict };
  await deps.proposer.propose(reportVerification, input, { actor: SYSTEM_ACTOR, id: uuidv7() });
}

/** A file that cannot be read now says nothing against the backup. */
function verdictOf(error: unknown): Verdict['state'] {
  const transient = ['backup_unavailable', 'disk_space', 'backup_wrong_key', 'backup_schema_newer'];
  if (error instanceof DomainError && !transient.includes(error.code)) return 'failed';
  return 'none';
}

async function judge(
  deps: VerifierDeps,
  row: BackupRow,
  copy: string,
  opened: string,
  key: AgeKey | undefined,
): Promise<Verdict> {
  const found = await hashFile(copy);
  if (found !== row.sha256) {
    const detail = 'the file does not match its checksum: it was changed or damaged where it is stored';
    throw new DomainError('backup_damaged', detail);
  }
  let state = copy;
  if (row.encryption !== 'none') {
    if (!(await unlock(deps, copy, opened, key))) {
      return { state: 'checksum_only', detail: 'the file is whole; give its key to check what is in it' };
    }
    state = opened;
  }
  await checkIntegrity(state);
  const facts = inspectStateFile(state, deps.migrationsDir);
  if (facts.index === row.index && facts.epoch === row.epoch) return { state: 'ok', detail: '' };
  const what = `index ${facts.index} of epoch ${facts.epoch}`;
  throw new DomainError('backup_damaged', `the file holds ${what}, not what the record says`);
}

/** @throws DomainError backup_wrong_key when the key that was given does not open it */
async function unlock(deps: VerifierDeps, from: string, to: string, key: AgeKey | undefined): Promise<boolean> {
  if (key) {
    await decryptFile(from, to, key);
    return true;
  }
  const { passphraseJwe } = currentSettings(deps.db());
  if (passphraseJwe === null) return false;
  try {
    await decryptFile(from, to, { passphrase: await deps.unseal(PASSPHRASE_NAME, passphraseJwe) });
    return true;
  } catch (error) {
    if (error instanceof DomainError && error.code === 'backup_wrong_key') return false;
    throw error;
  }
}
