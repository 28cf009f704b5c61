import type { BackupRow, SettingsRow } from './queries';

const DAY_MS = 24 * 60 * 60_000;

/** Which scheduled backups go. The newest one that is good stays, whatever the settings say. Pure. */
export function planRetention(
  rows: readonly BackupRow[],
  settings: Pick<SettingsRow, 'keepCount' | 'keepDays'>,
  nowMs: number,
): BackupRow[] {
  const stored = rows
    .filter((row) => row.kind === 'scheduled' && row.state === 'completed')
    .sort((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1));
  const lastGood = stored.find((row) => row.verification !== 'failed');
  const { keepCount, keepDays } = settings;
  return stored.filter((row, place) => {
    if (row === lastGood) return false;
    const tooMany = keepCount > 0 && place >= keepCount;
    const tooOld = keepDays > 0 && nowMs - row.createdAt > keepDays * DAY_MS;
    return tooMany || tooOld;
  });
}
