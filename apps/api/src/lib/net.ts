import { BlockList, isIP } from 'node:net';
import type { networkInterfaces } from 'node:os';

export interface HostPort {
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
}

/** Splits `host:port` or `[ipv6]:port`; undefined when it is neither. */
export function parseHostPort(text: string): HostPort | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (!host || !(port >= 1 && port <= 65535)) return undefined;
  if (match?.[1] !== undefined && isIP(host) !== 6) return undefined;
  return { host, port };
}

export const formatHostPort = ({ host, port }: HostPort): string =>
  isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/** True for 127.0.0.0/8, ::1 (also IPv4-mapped) and the name localhost: hosts that no other machine can reach. */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, '').toLowerCase();
  const family = isIP(bare);
  if (family === 0) return bare === 'localhost' || bare.endsWith('.localhost');
  return LOOPBACK.check(bare, family === 6 ? 'ipv6' : 'ipv4');
}

/** True for the addresses that mean "every interface" and so cannot be dialled. */
export const isUnspecified = (host: string): boolean => /^(0\.0\.0\.0|\[?::\]?|\*)$/.test(host);

/** The first IPv4 address that other machines can reach, or undefined. */
export function routableIpv4(interfaces: ReturnType<typeof networkInterfaces>): string | undefined {
  for (const addresses of Object.values(interfaces)) {
    const found = addresses?.find(
      (item) => item.family === 'IPv4' && !item.internal && !item.address.startsWith('169.254.'),
    );
    if (found) return found.address;
  }
  return undefined;
}
