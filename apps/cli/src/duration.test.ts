import { describe, expect, it } from 'vitest';
import { formatDuration, parseDuration, relativeTime, utcTime } from './duration';

describe('durations', () => {
  it.each([
    ['90s', 90_000],
    ['30m', 1_800_000],
    ['1h30m', 5_400_000],
    ['7d', 604_800_000],
    ['250ms', 250],
  ])('reads %s', (text, ms) => expect(parseDuration(text)).toBe(ms));

  it.each([
    ['10', 'write 10s, 10m or 10h'],
    ['1 hour', 'such as 30m or 1h30m'],
    ['-5m', 'such as 30m'],
    ['', 'such as 30m'],
    ['99999999999999999d', 'too long'],
  ])('refuses %j with the cure', (text, cure) => expect(() => parseDuration(text)).toThrow(cure));

  it('writes the two largest units', () => {
    expect(formatDuration(0)).toBe('0s');
    expect(formatDuration(59_999)).toBe('59s');
    expect(formatDuration(3_600_000)).toBe('1h');
    expect(formatDuration(3_661_000)).toBe('1h 1m');
    expect(formatDuration(90_061_000)).toBe('1d 1h');
  });

  it('writes times relative to now and in UTC', () => {
    const now = Date.parse('2026-01-31T12:00:00Z');
    expect(relativeTime('2026-01-31T12:59:00Z', now)).toBe('in 59m');
    expect(relativeTime('2026-01-31T11:57:00Z', now)).toBe('3m ago');
    expect(relativeTime(null, now)).toBe('-');
    expect(utcTime('2026-01-31T12:00:05.123Z')).toBe('2026-01-31 12:00:05Z');
  });
});
