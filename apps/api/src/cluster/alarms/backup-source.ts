import type { StateDb } from '../../db/state-store';
import { type Clock, toTimestamp } from '../../lib/clock';
import { dueNow } from '../../reconcile/cron';
import { backupFigures } from '../backups/figures';
import { currentSettings } from '../backups/queries';
import type { AlarmSource } from './registry';

/** A backup of a large state takes its time. */
const GRACE_MS = 60 * 60_000;

/** A scheduled backup whose time came and that was not completed. */
export const backupSource =
  (db: () => StateDb, clock: Clock): AlarmSource =>
  () => {
    const settings = currentSettings(db());
    if (!settings.enabled) return [];
    const lastAt = backupFigures(db()).lastAt ?? 0;
    const dueAt = dueNow(settings, clock())?.dueAt ?? settings.lastDueAt;
    if (dueAt === null || lastAt >= dueAt || clock() - dueAt < GRACE_MS) return [];
    const message = `the backup that was due at ${toTimestamp(dueAt)} was not completed`;
    const cure = 'quorate backup list shows why; then make one now: quorate backup create';
    return [{ code: 'backup_overdue', severity: 'warning', scope: 'cluster', message, cure }];
  };
