import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from '../../lib/logger';
import { raftDirOf } from '../raft-engine';
import { moveAside } from './aside';

/** etcd cannot go on with its files; a restart fetches them anew from the other members. */
class JournalDamaged extends Error {
  override readonly name = 'JournalDamaged';
}

/** What etcd 3.4 to 3.6 say when their own files are damaged, incomplete or older than the cluster knows them to be. */
const SIGNS = [
  /crc mismatch/i,
  /is out of range \[lastIndex\(\d+\)\]\. Was the raft log corrupted/,
  /wal: (crc|slice bounds|file not found|max entry size)/,
  /walpb: /,
  /snap: (crc mismatch|empty|no available snapshot)/,
  /failed to (open|read|recover) .*(WAL|wal|snapshot|database|backend)/i,
  /(file size too small|invalid database|version mismatch|checksum error|invalid page|page \d+: )/,
  /unexpected EOF/,
];

/** Files that could not be written are whole once there is room. */
const FULL = /no space left on device|disk quota exceeded/i;

/** The line that says so, or undefined. Pure. */
const signOfDamage = (lastLines: readonly string[]): string | undefined =>
  lastLines.some((line) => FULL.test(line))
    ? undefined
    : lastLines.find((line) => SIGNS.some((sign) => sign.test(line)));

const markPath = (dataDir: string): string => join(dataDir, 'raft.damaged');

/**
 * Looks at why etcd ended. Where its files are to blame and other members have the journal, this process ends: the next
 * start fetches it from them. Alone, only an operator can decide to go on without it.
 */
export function onMemberFailed(options: {
  lines: readonly string[];
  dataDir: string;
  peers: readonly unknown[];
  logger: Logger;
  onFatal: (error: unknown) => void;
}): void {
  const { dataDir, logger } = options;
  const sign = signOfDamage(options.lines);
  if (sign === undefined) return;
  if (options.peers.length === 0) {
    const cure = 'stop this node and make a new journal from its state: quorated recover';
    logger.error({ sign }, `the journal in ${raftDirOf(dataDir)} is damaged and no other member has it; ${cure}`);
    return;
  }
  writeFileSync(markPath(dataDir), `${sign}\n`, { mode: 0o600 });
  const message = `the journal in ${raftDirOf(dataDir)} is damaged or an old copy (${sign}); started again, this node fetches it from the others`;
  logger.error({ sign }, message);
  options.onFatal(new JournalDamaged(message));
}

/** Whether a member's journal is gone, or was found damaged. */
export const isJournalLost = (dataDir: string): boolean =>
  existsSync(markPath(dataDir)) || !existsSync(join(raftDirOf(dataDir), 'member'));

/** Makes room for a new one. */
export function discardJournal(dataDir: string, nowMs: number): string {
  const raft = raftDirOf(dataDir);
  const aside = moveAside(dataDir, [raft, `${raft}.starting`], nowMs);
  rmSync(markPath(dataDir), { force: true });
  return aside;
}
