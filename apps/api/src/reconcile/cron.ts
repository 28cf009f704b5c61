import { Cron } from 'croner';
import { DomainError } from '../commands/domain-error';

/** More missed runs than these are counted as these. */
const MAX_MISSED = 1_000;

/** A cron expression and how far it was dealt with. */
export interface CronSchedule {
  readonly enabled: boolean;
  readonly cron: string;
  readonly timeZone: string;
  /** Due times up to this one are dealt with, ms. */
  readonly doneUntil: number;
}

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
export function nextRunAt({ enabled, cron, timeZone }: Omit<CronSchedule, 'doneUntil'>, nowMs: number): number | null {
  if (!enabled) return null;
  return cronOf(cron, timeZone).nextRun(new Date(nowMs))?.getTime() ?? null;
}

/** What is due now and not dealt with yet: the last due time, and how many came before it. Pure. */
export function dueNow(schedule: CronSchedule, nowMs: number): { dueAt: number; missed: number } | undefined {
  if (!schedule.enabled) return undefined;
  const cron = cronOf(schedule.cron, schedule.timeZone);
  let due: number | undefined;
  let count = 0;
  for (let after = schedule.doneUntil; count < MAX_MISSED; count += 1) {
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
