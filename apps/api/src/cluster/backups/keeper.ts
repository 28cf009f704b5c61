import { LOCAL_TARGET } from '@quorate/shared/backups';
import type { StateDb } from '../../db/state-store';
import type { Clock } from '../../lib/clock';
import { uuidv7 } from '../../lib/ids';
import type { Logger } from '../../lib/logger';
import { dueNow } from '../../reconcile/cron';
import type { Reconciler } from '../../reconcile/driver';
import type { Proposer } from '../../replication/proposer';
import { SYSTEM_ACTOR } from '../founding';
import { liveMembers } from '../members/admission';
import { deleteBackups, failBackup, forgetBackups, startDueBackup } from './commands';
import type { BackupFiles } from './files';
import { type BackupRow, backupsIn, currentSettings } from './queries';
import { planRetention } from './schedule';

export interface KeeperDeps {
  readonly nodeId: number;
  readonly version: string;
  readonly db: () => StateDb;
  readonly proposer: Proposer;
  readonly files: Pick<BackupFiles, 'withStorage'>;
  readonly leads: () => boolean;
  /** When a member last answered, ms; undefined when this node never reached it. */
  readonly lastSeenAt: (nodeId: number) => number | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A node that makes a backup and is silent for so long is given up. */
const SILENCE_MS = 30_000;
const DELETE_RETRY_MS = 30_000;

/** What the leader does for backups: starts those that are due, applies the retention, ends what a dead node has begun. */
export function createBackupKeeper(deps: KeeperDeps): Reconciler {
  const { db, proposer, clock, files, logger } = deps;
  let leadingSince: number | undefined;
  let deletedAt = Number.NEGATIVE_INFINITY;

  const propose = <I, R>(command: Parameters<typeof proposer.propose<I, R>>[0], input: I) =>
    proposer.propose(command, input, { actor: SYSTEM_ACTOR, id: uuidv7() });

  async function startDue(): Promise<void> {
    const settings = currentSettings(db());
    const due = dueNow(settings, clock());
    if (!due) return;
    const { nodeId, version } = deps;
    await propose(startDueBackup, { id: uuidv7(), nodeId, ...due, revision: settings.revision, version });
  }

  async function applyRetention(): Promise<void> {
    const ids = planRetention(backupsIn(db(), 'completed'), currentSettings(db()), clock()).map((row) => row.id);
    if (ids.length > 0) await propose(deleteBackups, { ids: ids.slice(0, 100), reason: 'retention' as const });
  }

  /** Why the node of a record will not go on with it. */
  function lossOf(row: BackupRow, since: number): string | undefined {
    if (row.nodeId === deps.nodeId) return undefined;
    if (!liveMembers(db()).some((member) => member.id === row.nodeId)) return 'was removed from the cluster';
    const seen = Math.max(deps.lastSeenAt(row.nodeId) ?? 0, since, row.createdAt);
    return clock() - seen > SILENCE_MS ? `has not answered for ${SILENCE_MS / 1000} seconds` : undefined;
  }

  async function endLost(since: number): Promise<void> {
    for (const row of backupsIn(db(), 'queued', 'running')) {
      const why = lossOf(row, since);
      if (why === undefined) continue;
      await propose(failBackup, {
        id: row.id,
        code: 'node_lost',
        detail: `node ${row.nodeId} ${why}; make the backup on another node`,
      });
      if (row.target !== LOCAL_TARGET) await removeFile(row);
    }
  }

  async function removeFile(row: BackupRow): Promise<boolean> {
    try {
      await files.withStorage(row.target, (storage) => storage.remove(row.file));
      return true;
    } catch (error) {
      logger.warn({ err: error, backup: row.id }, 'the file of a backup could not be deleted yet');
      return false;
    }
  }

  /** Files in buckets, and records of files whose node is gone for good. */
  async function finishDeletions(): Promise<void> {
    if (performance.now() - deletedAt < DELETE_RETRY_MS) return;
    const rows = backupsIn(db(), 'deleting').slice(0, 100);
    const members = new Set(liveMembers(db()).map((member) => member.id));
    const gone: string[] = [];
    for (const row of rows) {
      if (row.target === LOCAL_TARGET ? !members.has(row.nodeId) : await removeFile(row)) gone.push(row.id);
      else if (row.target !== LOCAL_TARGET) deletedAt = performance.now();
    }
    if (gone.length > 0) await propose(forgetBackups, { ids: gone });
  }

  return {
    name: 'backup schedule',
    intervalMs: 1_000,
    async run() {
      if (!deps.leads()) {
        leadingSince = undefined;
        return;
      }
      leadingSince ??= clock();
      await startDue();
      await endLost(leadingSince);
      await applyRetention();
      await finishDeletions();
    },
  };
}
