import { closeSync, openSync, readSync } from 'node:fs';
import { DomainError } from '../../commands/domain-error';
import { discard } from '../restore/prepare';
import { type AgeKey, ageKeyOf, checkKey, decryptFile, isAgeFile, MAX_HEADER_BYTES } from './age';
import type { BackupFiles } from './files';
import type { BackupRow } from './queries';

const needsKey = (): DomainError => {
  const detail =
    'the file is encrypted; give its passphrase, or the age identity (AGE-SECRET-KEY-…) that it was made for';
  return new DomainError('backup_encrypted', detail);
};

/** Whether a stored backup can be read and the key opens it, by the beginning of its file. @throws DomainError backup_unavailable, backup_encrypted, backup_wrong_key */
export async function requireReadable(files: BackupFiles, row: BackupRow, key: string | undefined): Promise<void> {
  // First, so that nobody is asked for the key of a file that is not there.
  const head = await files.head(row, MAX_HEADER_BYTES);
  if (row.encryption === 'none') return;
  if (key === undefined) throw needsKey();
  await checkKey(head, ageKeyOf(key));
}

/** Brings a stored backup to `to`, decrypted. @throws DomainError backup_wrong_key, backup_unavailable, … */
export async function fetchOpened(
  files: BackupFiles,
  row: BackupRow,
  to: string,
  key: string | undefined,
): Promise<void> {
  if (row.encryption === 'none') return files.fetch(row, to);
  if (key === undefined) throw needsKey();
  const sealed = `${to}.age`;
  try {
    await files.fetch(row, sealed);
    await decryptFile(sealed, to, ageKeyOf(key));
  } finally {
    discard(sealed);
  }
}

/** Whether a file on this disk is an age file. */
export function isEncrypted(path: string): boolean {
  const head = Buffer.alloc(32);
  const file = openSync(path, 'r');
  const size = readSync(file, head, 0, head.length, 0);
  closeSync(file);
  return isAgeFile(head.subarray(0, size));
}

/** Decrypts a file on this disk into another one. @throws DomainError backup_encrypted without a key, backup_wrong_key */
export async function openFile(from: string, to: string, key: string | undefined): Promise<void> {
  if (key === undefined) throw needsKey();
  const parsed: AgeKey = ageKeyOf(key);
  await decryptFile(from, to, parsed);
}
