import { statfsSync } from 'node:fs';
import { DomainError } from '../../commands/domain-error';

/** Left free on the disk, whatever happens. */
const RESERVE_BYTES = 64 * 1024 ** 2;

/** Refuses work on large files that would fill the disk of `directory`. @throws DomainError disk_space */
export function requireDiskSpace(directory: string, bytes: number, what: string): void {
  const { bavail, bsize } = statfsSync(directory);
  const left = bavail * bsize - RESERVE_BYTES;
  if (bytes <= left) return;
  const mib = (n: number): number => Math.max(0, Math.ceil(n / 1024 ** 2));
  const detail = `${what} needs ${mib(bytes)} MiB in ${directory}, ${mib(left)} are free; free space on that disk`;
  throw new DomainError('disk_space', detail);
}
