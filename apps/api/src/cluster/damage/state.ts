import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import type { Logger } from '../../lib/logger';
import { verifySnapshot } from '../../replication/snapshot';
import { loadNodeFile } from '../pki/node-file';
import { snapshotDirOf } from '../snapshot-exchange';
import { type KeptSnapshot, listSnapshots } from '../snapshots/directory';
import { moveAside } from './aside';

/** The state file cannot be used and nothing here can replace it without loss. The message names the cure. */
export class StateDamaged extends Error {
  override readonly name = 'StateDamaged';
}

/** A damaged state file that was replaced, or is about to be. */
export interface StateHealing {
  readonly damage: string;
  /** Where the damaged files are. */
  readonly aside: string;
  /** What took their place: this node's own snapshot, or nothing, so that a peer sends its state. */
  readonly from: KeptSnapshot | 'peers';
}

/** A larger file is not read as a whole at each start; its snapshots and digests are checked while it serves. */
const THOROUGH_BYTES = 64 * 1024 ** 2;
const stateFiles = (dataDir: string): string[] =>
  ['', '-wal', '-shm'].map((suffix) => join(dataDir, `state.db${suffix}`));
const markPath = (dataDir: string): string => join(dataDir, 'state.damaged');

export const isDamageCode = (code: unknown): boolean => /^SQLITE_(CORRUPT|NOTADB)/.test(String(code ?? ''));

/** Remembers, for the next start, that reading the state file has failed in a way that a restart does not cure. */
export function markStateDamaged(dataDir: string, error: unknown): void {
  const { code, message } = error as { code?: unknown; message?: string };
  if (isDamageCode(code)) writeFileSync(markPath(dataDir), `${message ?? String(code)}\n`, { mode: 0o600 });
}

/** What is wrong with the file, or '' as far as could be seen. */
function findDamage(path: string, thorough: boolean): string {
  let file: Database.Database | undefined;
  try {
    file = new Database(path, { fileMustExist: true, timeout: 1_000 });
    if (thorough) {
      const verdict = String(file.pragma('integrity_check(1)', { simple: true }));
      return verdict === 'ok' ? '' : verdict.replace(/\s+/g, ' ');
    }
    file.prepare('SELECT count(*) FROM sqlite_schema').get();
    return '';
  } catch (error) {
    if (isDamageCode((error as { code?: unknown }).code)) return (error as Error).message;
    throw error;
  } finally {
    file?.close();
  }
}

async function newestUsable(dataDir: string, knownSchema: number, logger: Logger): Promise<KeptSnapshot | undefined> {
  for (const snapshot of listSnapshots(snapshotDirOf(dataDir))) {
    try {
      await verifySnapshot(snapshot.path, snapshot, knownSchema);
      return snapshot;
    } catch (error) {
      logger.warn({ err: error, path: snapshot.path }, 'a snapshot of this node cannot be used');
    }
  }
  return undefined;
}

/** Alone and on the embedded log, the file was the only record: what came after a snapshot would be lost in silence. */
function refuse(dataDir: string, damage: string, snapshot: KeptSnapshot | undefined): never {
  const path = join(dataDir, 'state.db');
  const cure = snapshot
    ? `its newest snapshot holds index ${snapshot.index} of ${new Date(snapshot.createdAt).toISOString()}; what was written since is lost: ` +
      `quorated recover --from ${snapshot.path}, or restore a newer backup`
    : `move ${path} (and the files beside it that end in -wal and -shm) aside, start a fresh node and give it a backup: ` +
      'quorate agent cluster init-from-db';
  throw new StateDamaged(`${path} is damaged (${damage}) and no other node has its content; ${cure}`);
}

/**
 * Looks at the state file before it is opened. A member of a cluster whose file is damaged goes on from its own newest
 * snapshot and the log, or from a peer's state.
 *
 * @throws StateDamaged there is no other copy without loss
 */
export async function healState(options: {
  dataDir: string;
  knownSchema: number;
  nowMs: number;
  logger: Logger;
}): Promise<StateHealing | undefined> {
  const { dataDir, knownSchema, nowMs, logger } = options;
  const path = join(dataDir, 'state.db');
  const nodeFile = loadNodeFile(dataDir);
  if (!nodeFile) return undefined;
  const isMember = nodeFile.mode === 'raft';
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  const marked = existsSync(markPath(dataDir)) ? readFileSync(markPath(dataDir), 'utf8').trim() : '';
  let damage = '';
  if (size > 0) damage = findDamage(path, size <= THOROUGH_BYTES || marked !== '') || marked;
  // A joiner has none yet, and a founding that was cut short is made again.
  else if (isMember && nodeFile.stage !== 'admitted') damage = 'it is empty or gone';
  if (damage === '') return undefined;
  const snapshot = await newestUsable(dataDir, knownSchema, logger);
  const hasPeers = nodeFile.members.some(({ id }) => id !== nodeFile.node_id);
  if (!isMember || (!snapshot && !hasPeers)) refuse(dataDir, damage, snapshot);
  const aside = moveAside(dataDir, stateFiles(dataDir), nowMs);
  if (snapshot) await copyFile(snapshot.path, path);
  rmSync(markPath(dataDir), { force: true });
  const from = snapshot ?? 'peers';
  const healing = { damage, aside, from } as const;
  logger.error({ aside }, healingSentence(healing));
  return healing;
}

export const healingSentence = ({ damage, from }: StateHealing): string =>
  `the state file was damaged (${damage}); this node went on from ` +
  (from === 'peers' ? 'the state of another member' : `its own snapshot of index ${from.index} and the log`);
