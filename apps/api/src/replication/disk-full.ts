import { dirname } from 'node:path';
import { DomainError } from '../commands/domain-error';

/** SQLite could not make a file longer: the state, its write-ahead log, or the index of that. */
const CODES: readonly unknown[] = ['SQLITE_FULL', 'SQLITE_IOERR_SHMSIZE'];

/** The refusal of a write that the disk had no room for, or undefined for any other error. */
export function diskFullOf(error: unknown, stateFile: string): DomainError | undefined {
  if (!CODES.includes((error as { code?: unknown } | null)?.code)) return undefined;
  const detail = `the disk of ${dirname(stateFile)} is full, so nothing was written here; reads go on. Free space there: this node then goes on by itself`;
  return new DomainError('disk_full', detail, [], 5);
}
