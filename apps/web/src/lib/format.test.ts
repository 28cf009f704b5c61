import { describe, expect, it } from 'vitest';
import { asSentence, formatCountdown, formatInt, formatMs, formatRelative, formatUtc } from './format';

describe('times', () => {
  const now = Date.parse('2026-03-01T12:00:00Z');
  it.each([
    [-2_000, 'now'],
    [-59_000, '59 s ago'],
    [-60_000, '1 min ago'],
    [-3_599_000, '59 min ago'],
    [3_600_000, 'in 1 h'],
    [86_400_000 * 59, 'in 59 d'],
    [86_400_000 * 365 * 10, 'in 10 y'],
  ])('%i ms → %s', (offset, text) => {
    expect(formatRelative(now + offset, now)).toBe(text);
  });

  it('writes UTC and leaves what is no time alone', () => {
    expect(formatUtc('2026-03-01T13:00:00.123+01:00')).toBe('2026-03-01 12:00:00Z');
    expect(formatUtc('never')).toBe('never');
  });

  it('counts down and stops at zero', () => {
    expect([3909, 299.2, 0, -5].map(formatCountdown)).toEqual(['1:05:09', '05:00', '00:00', '00:00']);
  });
});

describe('numbers', () => {
  it('groups thousands without a place to break', () => {
    expect([1, 1000, 1234567].map(formatInt)).toEqual(['1', '1\u202f000', '1\u202f234\u202f567']);
  });
  it('picks the unit of a duration', () => {
    expect([null, 0.44, -9.96, 42.4, -840, 1310].map(formatMs)).toEqual([
      '–',
      '0.4 ms',
      '-10.0 ms',
      '42 ms',
      '-840 ms',
      '1.3 s',
    ]);
  });
});

describe('asSentence', () => {
  it.each([
    ['a majority cannot be reached', 'A majority cannot be reached.'],
    ['node-2 does not answer', 'node-2 does not answer.'],
    ['cluster.address is a loopback address', 'cluster.address is a loopback address.'],
    ['Done already.', 'Done already.'],
    ['really?', 'Really?'],
    ['due at 2026-03-01T12:00:09.042Z, then', 'Due at 2026-03-01 12:00:09Z, then.'],
    ['', ''],
  ])('%j → %j', (text, sentence) => {
    expect(asSentence(text)).toBe(sentence);
  });
});
