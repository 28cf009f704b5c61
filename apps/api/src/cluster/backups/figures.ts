import { and, desc, eq, gt, ne } from 'drizzle-orm';
import type { StateDb } from '../../db/state-store';
import type { BackupFigures } from '../../http/metrics';
import { countRows } from './queries';
import { backups } from './table';

/** What is measured of backups. */
export function backupFigures(db: StateDb): BackupFigures {
  const last = db
    .select()
    .from(backups)
    // The copy that a restore makes first is no backup that somebody asked for.
    .where(and(eq(backups.state, 'completed'), ne(backups.kind, 'safety')))
    .orderBy(desc(backups.finishedAt))
    .limit(1)
    .get();
  const finishedAt = last?.finishedAt ?? null;
  return {
    lastAt: finishedAt,
    lastBytes: last?.bytes ?? null,
    lastDurationMs: finishedAt === null ? null : finishedAt - (last?.startedAt ?? finishedAt),
    failures: countRows(db, backups, and(eq(backups.state, 'failed'), gt(backups.finishedAt, finishedAt ?? 0))),
    damaged: countRows(db, backups, and(eq(backups.state, 'completed'), eq(backups.verification, 'failed'))),
  };
}
