import { Cron } from 'croner';
import { DomainError } from '../../commands/domain-error';
import type { BackupRow, SettingsRow } from './queries';

/** More missed runs than these are counted as these. */
const MAX_MISSED = 1_000;
const DAY_MS = 24 * 60 * 60_000;

const cronOf = (cron: string, timeZone: string): Cron => new Cron(cron, { timezone: timeZone, paused: true });

/** @throws DomainError validation_failed when it is no schedule or never comes due */
export function checkSchedule(cron: string, timeZone: string, nowMs: number): void {
  const refuse = (pointer: string, detail: string): DomainError =>
    new DomainError('validation_failed', detail, [{ pointer, detail }]);
  try {
    new Intl.DateTimeFormat('en', { timeZone });
  } catch {
    throw refuse(
      '/time_zone',
      `${timeZone} is no time zone that this node knows; use one such as Europe/Vienna or UTC`,
    );
  }
  let next: Date | null;
  try {
    next = cronOf(cron, timeZone).nextRun(new Date(nowMs));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw refuse('/cron', `not a cron expression (${why}); "0 3 * * *" is each night at three`);
  }
  if (next === null) throw refuse('/cron', 'this expression never comes due');
}

/** The next due time after `nowMs`, ms; null while the schedule is off. */
export function nextRunAt(settings: SettingsRow, nowMs: number): number | null {
  if (!settings.enabled) return null;
  return cronOf(settings.cron, settings.timeZone).nextRun(new Date(nowMs))?.getTime() ?? null;
}

/** What is due now and not dealt with yet: the last due time, and how many came before it. Pure. */
export function dueNow(settings: SettingsRow, nowMs: number): { dueAt: number; missed: number } | undefined {
  if (!settings.enabled) return undefined;
  const cron = cronOf(settings.cron, settings.timeZone);
  let due: number | undefined;
  let count = 0;
  for (let after = settings.doneUntil; count < MAX_MISSED; count += 1) {
    const next = cron.nextRun(new Date(after))?.getTime();
    if (next === undefined || next > nowMs) break;
    due = next;
    after = next;
  }
  if (due === undefined) return undefined;
  return { dueAt: count < MAX_MISSED ? due : lastRun(cron, nowMs, due), missed: count - 1 };
}

/** The last due time up to `nowMs`, after a time too long to count through. */
function lastRun(cron: Cron, nowMs: number, atLeast: number): number {
  const before = cron.previousRuns(1, new Date(nowMs))[0]?.getTime() ?? atLeast;
  // One that is due this very moment is not previous.
  const next = cron.nextRun(new Date(before))?.getTime() ?? Number.POSITIVE_INFINITY;
  return Math.max(atLeast, next <= nowMs ? next : before);
}

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
