const UNITS: readonly [limitSeconds: number, seconds: number, name: string][] = [
  [60, 1, 's'],
  [3600, 60, 'min'],
  [86_400, 3600, 'h'],
  [86_400 * 60, 86_400, 'd'],
  [86_400 * 730, 86_400 * 30, 'mo'],
  [Number.POSITIVE_INFINITY, 86_400 * 365, 'y'],
];

/** `90` → `1 min`: the largest unit, rounded down. Takes seconds. */
export function formatSpan(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  for (const [limit, unit, name] of UNITS) if (whole < limit) return `${Math.floor(whole / unit)} ${name}`;
  return `${whole} s`;
}

/** `3 min ago`, `in 2 h`, `now` (within 5 s). Both arguments in milliseconds since 1970. */
export function formatRelative(atMs: number, nowMs: number): string {
  const seconds = (atMs - nowMs) / 1000;
  if (Math.abs(seconds) < 5) return 'now';
  return seconds > 0 ? `in ${formatSpan(seconds)}` : `${formatSpan(-seconds)} ago`;
}

/** `2026-03-01 14:03:22Z`: sortable, and says that it is UTC. */
export function formatUtc(iso: string): string {
  const date = new Date(iso);
  return Number.isNaN(date.getTime()) ? iso : `${date.toISOString().slice(0, 19).replace('T', ' ')}Z`;
}

/** `1:05:09` or `04:59` until nothing is left. Takes seconds. */
export function formatCountdown(seconds: number): string {
  const left = Math.max(0, Math.ceil(seconds));
  const pad = (value: number) => String(value).padStart(2, '0');
  const [h, m, s] = [Math.floor(left / 3600), Math.floor(left / 60) % 60, left % 60];
  return h > 0 ? `${h}:${pad(m)}:${pad(s)}` : `${pad(m)}:${pad(s)}`;
}

/** Thousands separated by narrow no-break spaces, which no locale mistakes for a decimal mark. */
export const formatInt = (value: number): string => String(value).replace(/\B(?=(\d{3})+(?!\d))/g, '\u202f');

/** `0.4 ms`, `12 ms`, `1.3 s`; null → an en dash. */
export function formatMs(ms: number | null): string {
  if (ms === null) return '–';
  const size = Math.abs(ms);
  if (size >= 1000) return `${(ms / 1000).toFixed(1)} s`;
  return size >= 10 ? `${Math.round(ms)} ms` : `${ms.toFixed(1)} ms`;
}

const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

/** `812 B`, `1.4 MiB`; null → an en dash. */
export function formatBytes(bytes: number | null): string {
  if (bytes === null) return '–';
  const power = Math.min(BYTE_UNITS.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  return `${(bytes / 1024 ** power).toFixed(power === 0 ? 0 : 1)} ${BYTE_UNITS[power]}`;
}

/** `1 voter`, `2 voters`. */
export const plural = (count: number, one: string, many = `${one}s`): string => `${count} ${count === 1 ? one : many}`;

const TIMESTAMP = /(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?Z/g;

/**
 * A text of the server as a sentence: a capital first letter (unless it begins with a name such as `node-2`
 * or `cluster.address`), a full stop, and times as they are shown elsewhere.
 */
export function asSentence(text: string): string {
  const trimmed = text.trim();
  if (!trimmed) return '';
  const begun = /^[a-z]+(?=[\s,:;?!]|$)/.test(trimmed) ? trimmed.charAt(0).toUpperCase() + trimmed.slice(1) : trimmed;
  const timed = begun.replaceAll(TIMESTAMP, '$1 $2Z');
  return /[.!?…]$/.test(timed) ? timed : `${timed}.`;
}
