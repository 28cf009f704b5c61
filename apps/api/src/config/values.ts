import { isIP } from 'node:net';
import { z } from 'zod';
import { parseHostPort } from '../lib/net';

const UNIT_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;
type Unit = keyof typeof UNIT_MS;

/** `500ms`, `30s`, `5m`, `1h` → milliseconds; undefined for anything else. */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d{1,9})(ms|s|m|h)$/.exec(text);
  return match?.[1] && match[2] ? Number(match[1]) * UNIT_MS[match[2] as Unit] : undefined;
}

/** The shortest way to write a duration of whole milliseconds: 30000 → `30s`. */
export function formatDuration(ms: number): string {
  const units = ['h', 'm', 's'] as const;
  const unit: Unit = (ms > 0 ? units.find((candidate) => ms % UNIT_MS[candidate] === 0) : undefined) ?? 'ms';
  return `${ms / UNIT_MS[unit]}${unit}`;
}

/** A duration between two bounds; in the file a string with a unit, in the program milliseconds. */
export function duration(bounds: { min: string; max: string }) {
  const minMs = parseDuration(bounds.min) ?? 0;
  const maxMs = parseDuration(bounds.max) ?? 0;
  return z.codec(z.string(), z.number(), {
    decode: (text, ctx) => {
      const ms = parseDuration(text);
      if (ms !== undefined && ms >= minMs && ms <= maxMs) return ms;
      const message =
        ms === undefined
          ? `expected a number with a unit (ms, s, m, h), such as ${bounds.max}`
          : `must be between ${bounds.min} and ${bounds.max}`;
      ctx.issues.push({ code: 'custom', input: text, message });
      return z.NEVER;
    },
    encode: formatDuration,
  });
}

/** `host:port`, or nothing where the key is optional. */
export const address = z
  .string()
  .refine((text) => parseHostPort(text) !== undefined, 'expected host:port, such as 10.0.0.1:7000 or [fd00::1]:7000');
export const optionalAddress = z
  .string()
  .refine((text) => text === '' || parseHostPort(text) !== undefined, 'expected host:port or nothing');

function isHttpUrl(text: string, protocols: readonly string[]): boolean {
  try {
    return protocols.includes(new URL(text).protocol);
  } catch {
    return false;
  }
}
/** An http(s) URL, or nothing. */
export const optionalUrl = z
  .string()
  .refine((text) => text === '' || isHttpUrl(text, ['http:', 'https:']), 'expected a URL such as https://host:8440');
export const httpsUrl = z
  .string()
  .refine((text) => text === '' || isHttpUrl(text, ['https:']), 'expected https://HOST:PORT');
export const etcdEndpoint = z
  .string()
  .refine((text) => isHttpUrl(text, ['http:', 'https:']), 'expected an etcd client URL such as https://10.0.0.1:2379');
/** A websocket or http(s) URL, or nothing. */
export const optionalConnectorUrl = z
  .string()
  .refine(
    (text) => text === '' || isHttpUrl(text, ['ws:', 'wss:', 'http:', 'https:']),
    'expected a URL such as wss://host/path',
  );

/** An IP address, or a network in CIDR notation. */
export const cidr = z.string().refine((text) => {
  const [ip = '', bits, ...rest] = text.split('/');
  const family = isIP(ip);
  if (family === 0 || rest.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 6 ? 128 : 32));
}, 'expected an IP address or a network such as 10.0.0.0/8');
