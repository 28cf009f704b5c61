import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkSchedule, dueNow, nextRunAt } from '../../reconcile/cron';
import type { BackupRow, SettingsRow } from './queries';
import { planRetention } from './schedule';

const at = (text: string): number => Date.parse(text);
const settings = (change: Partial<SettingsRow>): SettingsRow => ({
  ...{ id: 1, enabled: true, cron: '0 3 * * *', timeZone: 'UTC', target: 'local', keepCount: 0, keepDays: 0 },
  ...{ revision: 1, doneUntil: at('2026-01-01T00:00:00Z'), lastDueAt: null, missedRuns: 0 },
  ...{ encryption: 'none', recipients: '[]', passphraseJwe: null },
  ...change,
});

describe('the schedule', () => {
  it('refuses what never comes due, naming the field', () => {
    const now = at('2026-01-01T00:00:00Z');
    for (const cron of ['0 3 * * *', '*/15 * * * *', '30 2 * * MON', '@daily']) checkSchedule(cron, 'UTC', now);
    expect(() => checkSchedule('every day', 'UTC', now)).toThrow(/cron expression/);
    expect(() => checkSchedule('0 3 31 2 *', 'UTC', now)).toThrow(/never comes due/);
    expect(() => checkSchedule('0 3 * * *', 'Mars/Base', now)).toThrow(/time zone/);
  });

  it('follows the time zone through its changes', () => {
    const vienna = settings({ timeZone: 'Europe/Vienna' });
    const next = (from: string): string => new Date(nextRunAt(vienna, at(from)) ?? 0).toISOString();
    expect(next('2026-03-28T12:00:00Z')).toBe('2026-03-29T01:00:00.000Z');
    expect(next('2026-01-10T12:00:00Z')).toBe('2026-01-11T02:00:00.000Z');
    expect(nextRunAt({ ...vienna, enabled: false }, 0)).toBeNull();
  });

  it('finds the last due time and counts those before it', () => {
    expect(dueNow(settings({}), at('2026-01-01T02:59:59Z'))).toBeUndefined();
    expect(dueNow(settings({}), at('2026-01-01T03:00:00Z'))).toEqual({ dueAt: at('2026-01-01T03:00:00Z'), missed: 0 });
    expect(dueNow(settings({}), at('2026-01-04T12:00:00Z'))).toEqual({ dueAt: at('2026-01-04T03:00:00Z'), missed: 3 });
    expect(dueNow(settings({ enabled: false }), at('2026-01-04T12:00:00Z'))).toBeUndefined();
    const minutely = dueNow(settings({ cron: '* * * * *' }), at('2026-03-01T12:00:30Z'));
    expect(minutely).toEqual({ dueAt: at('2026-03-01T12:00:00Z'), missed: 999 });
  });

  it('finds nothing again once it is dealt with, whatever the time', () => {
    fc.assert(
      fc.property(fc.constantFrom('0 3 * * *', '*/7 * * * *', '0 0 1 * *'), fc.nat(200_000), (cron, minutes) => {
        const before = settings({ cron });
        const now = before.doneUntil + minutes * 60_000;
        const due = dueNow(before, now);
        if (!due) return;
        expect(due.dueAt).toBeLessThanOrEqual(now);
        expect(dueNow({ ...before, doneUntil: due.dueAt }, now)).toBeUndefined();
      }),
    );
  });
});

describe('retention', () => {
  const DAY = 24 * 60 * 60_000;
  const now = 100 * DAY;
  const row = (id: string, age: number, change: Partial<BackupRow> = {}): BackupRow =>
    ({
      id,
      kind: 'scheduled',
      state: 'completed',
      verification: 'ok',
      createdAt: now - age * DAY,
      ...change,
    }) as BackupRow;
  const gone = (rows: BackupRow[], keepCount: number, keepDays: number): string[] =>
    planRetention(rows, { keepCount, keepDays }, now).map(({ id }) => id);
  const five = [1, 2, 3, 4, 5].map((age) => row(`b${age}`, age));

  it('goes by count and by age, and leaves what nobody scheduled', () => {
    expect(gone(five, 0, 0)).toEqual([]);
    expect(gone(five, 3, 0)).toEqual(['b4', 'b5']);
    expect(gone(five, 0, 2)).toEqual(['b3', 'b4', 'b5']);
    expect(gone([...five, row('manual', 9, { kind: 'manual' })], 1, 0)).not.toContain('manual');
  });

  it('never takes the last good one', () => {
    const damaged = five.map((one) => ({ ...one, verification: one.id === 'b4' ? 'ok' : 'failed' }));
    expect(gone(damaged, 1, 1)).toEqual(['b2', 'b3', 'b5']);
    fc.assert(
      fc.property(
        fc.array(fc.record({ age: fc.nat(50), good: fc.boolean() }), { maxLength: 12 }),
        fc.nat(3),
        fc.nat(3),
        (made, count, days) => {
          const rows = made.map(({ age, good }, n) => row(`r${n}`, age, { verification: good ? 'ok' : 'failed' }));
          const left = rows.filter(({ id }) => !gone(rows, count, days).includes(id));
          expect(left.some((one) => one.verification === 'ok')).toBe(rows.some((one) => one.verification === 'ok'));
        },
      ),
    );
  });
});
