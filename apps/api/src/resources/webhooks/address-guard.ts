import { lookup as dnsLookup, type LookupAddress } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';

/** The address is one to which no event is ever sent. */
export class AddressRefused extends Error {
  override readonly name = 'AddressRefused';
}

/** Link-local addresses serve the secrets of cloud machines; the others are no hosts at all. */
const REFUSED = new BlockList();
for (const [address, bits] of [
  ['0.0.0.0', 8],
  ['169.254.0.0', 16],
  ['224.0.0.0', 3],
] as const)
  REFUSED.addSubnet(address, bits, 'ipv4');
for (const [address, bits] of [
  ['::', 128],
  ['fe80::', 10],
  ['ff00::', 8],
  ['fd00:ec2::', 32],
] as const)
  REFUSED.addSubnet(address, bits, 'ipv6');
for (const address of ['100.100.100.200', '192.0.0.192']) REFUSED.addAddress(address, 'ipv4');

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/** IPv4 that travels inside IPv6: mapped (`::ffff:a.b.c.d`) or translated (`64:ff9b::`). As the URL parser writes it. */
function embeddedIpv4(address: string): string | undefined {
  const canonical = new URL(`http://[${address.split('%')[0]}]`).hostname.slice(1, -1);
  const match = /^(?:::ffff:|::|64:ff9b::)([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(canonical);
  if (!match) return undefined;
  const [high, low] = [Number.parseInt(match[1] ?? '', 16), Number.parseInt(match[2] ?? '', 16)];
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}

/** Why no event is sent to this IP address, or undefined when it may be. Pure. */
export function refusalOf(address: string, allowLoopback: boolean): string | undefined {
  const inner = isIP(address) === 6 ? embeddedIpv4(address) : undefined;
  if (inner !== undefined) return refusalOf(inner, allowLoopback);
  const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
  if (REFUSED.check(address, family)) return `${address} is an address to which no event is sent`;
  if (!allowLoopback && LOOPBACK.check(address, family)) {
    return `${address} is loopback, which is another machine on each leader; events.webhook_loopback allows it`;
  }
  return undefined;
}

/**
 * Resolves names for connections and refuses what they must not lead to. The check is made on the very address that is
 * connected to, so a name that changes its address in between gains nothing.
 */
export function guardedLookup(allowLoopback: boolean): LookupFunction {
  return (hostname, options, callback) => {
    dnsLookup(hostname, { ...options, all: true }, (error, found) => {
      const addresses = error ? [] : (found as LookupAddress[]);
      const refusal = addresses
        .map(({ address }) => refusalOf(address, allowLoopback))
        .find((one) => one !== undefined);
      const first = addresses[0];
      if (error || refusal !== undefined || !first) {
        callback(error ?? new AddressRefused(refusal ?? `${hostname} has no address`), '', 0);
      } else if (options.all) callback(null, addresses);
      else callback(null, first.address, first.family);
    });
  };
}
