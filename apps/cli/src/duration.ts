const UNIT_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
type Unit = keyof typeof UNIT_MS;

/**
 * Parses `90s`, `30m`, `1h30m`, `7d`, `500ms` into milliseconds.
 * @throws Error naming what is wrong and what to write
 */
export function parseDuration(text: string): number {
  if (/^\d+$/.test(text)) throw new Error(`'${text}' has no unit; write ${text}s, ${text}m or ${text}h`);
  if (!/^(\d+(ms|s|m|h|d))+$/.test(text)) {
    throw new Error(`'${text}' is not a duration; write numbers with ms, s, m, h or d, such as 30m or 1h30m`);
  }
  let totalMs = 0;
  for (const [, count, unit] of text.matchAll(/(\d+)(ms|s|m|h|d)/g)) totalMs += Number(count) * UNIT_MS[unit as Unit];
  if (!Number.isSafeInteger(totalMs)) throw new Error(`'${text}' is too long`);
  return totalMs;
}

/** `3m`, `2h 5m`, `4d 1h`: the two largest units; `0s` below one second. */
export function formatDuration(ms: number): string {
  let rest = Math.floor(Math.max(0, ms) / 1000) * 1000;
  const parts: string[] = [];
  for (const unit of ['d', 'h', 'm', 's'] as const) {
    const count = Math.floor(rest / UNIT_MS[unit]);
    rest -= count * UNIT_MS[unit];
    if (count > 0) parts.push(`${count}${unit}`);
    if (parts.length === 2 || (parts.length === 1 && count === 0)) break;
  }
  return parts.join(' ') || '0s';
}

/** `in 59m` or `3m ago`, relative to `now` (ms since the epoch); `-` for null. */
export function relativeTime(at: string | null, now: number): string {
  if (at === null) return '-';
  const ms = Date.parse(at) - now;
  return ms >= 0 ? `in ${formatDuration(ms)}` : `${formatDuration(-ms)} ago`;
}

/** `2026-01-31 12:00:05Z`; `-` for null. */
export const utcTime = (at: string | null): string => (at === null ? '-' : `${at.slice(0, 19).replace('T', ' ')}Z`);
