import { type BACKUP_ENCRYPTIONS, LOCAL_TARGET } from '@quorate/shared/backups';
import { and, asc, count, eq, inArray, ne, type SQL } from 'drizzle-orm';
import type { SQLiteTable } from 'drizzle-orm/sqlite-core';
import { DomainError } from '../../commands/domain-error';
import { remembered } from '../../db/remembered';
import type { StateDb } from '../../db/state-store';
import { toTimestamp } from '../../lib/clock';
import { backupSettings, backups, backupTargets } from './table';

export type BackupRow = typeof backups.$inferSelect;
export type TargetRow = typeof backupTargets.$inferSelect;
export type SettingsRow = typeof backupSettings.$inferSelect;

/** @throws DomainError not_found */
export function findBackup(db: StateDb, id: string): BackupRow {
  const row = db.select().from(backups).where(eq(backups.id, id)).get();
  if (!row) throw new DomainError('not_found', `there is no backup ${id}; see GET /v1/backups`);
  return row;
}

/** @throws DomainError not_found */
export function findTarget(db: StateDb, id: string): TargetRow {
  const row = db.select().from(backupTargets).where(eq(backupTargets.id, id)).get();
  if (!row) throw new DomainError('not_found', `there is no backup target ${id}; see GET /v1/backups/targets`);
  return row;
}

export const targetName = (db: StateDb, target: string): string =>
  target === LOCAL_TARGET
    ? 'local disk'
    : (db.select().from(backupTargets).where(eq(backupTargets.id, target)).get()?.name ?? 'a removed target');

export const backupsIn = remembered((db, ...states: BackupRow['state'][]): readonly BackupRow[] =>
  db
    .select()
    .from(backups)
    .where(inArray(backups.state, states))
    .orderBy(asc(backups.createdAt), asc(backups.id))
    .all(),
);

export const countRows = (db: StateDb, table: SQLiteTable, where?: SQL): number =>
  db.select({ n: count() }).from(table).where(where).get()?.n ?? 0;

/** Backups whose files are, or will be, at a target. */
export const countBackupsAt = (db: StateDb, target: string): number =>
  countRows(db, backups, and(eq(backups.target, target), ne(backups.state, 'failed')));

const DEFAULTS: SettingsRow = {
  id: 1,
  enabled: false,
  cron: '0 3 * * *',
  timeZone: 'UTC',
  target: LOCAL_TARGET,
  keepCount: 14,
  keepDays: 0,
  revision: 0,
  doneUntil: 0,
  lastDueAt: null,
  missedRuns: 0,
  encryption: 'none',
  recipients: '[]',
  passphraseJwe: null,
};

export const currentSettings = (db: StateDb): SettingsRow => db.select().from(backupSettings).get() ?? DEFAULTS;

/** Sortable by time, told apart by the id, and with the ending that other tools know. */
export function fileNameOf(
  atMs: number,
  clusterName: string,
  id: string,
  encryption: (typeof BACKUP_ENCRYPTIONS)[number],
): string {
  const cluster = clusterName
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '')
    .slice(0, 32);
  const time = toTimestamp(atMs).replaceAll(/[-:]|\.\d+/g, '');
  return `${cluster || 'quorate'}-${time}-${id.slice(-8)}.db${encryption === 'none' ? '' : '.age'}`;
}
