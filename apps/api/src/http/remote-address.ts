import { BlockList, isIP, isIPv6 } from 'node:net';

const LOOPBACK = blockListOf(['127.0.0.0/8', '::1/128']);

/** A list of networks to test addresses against. @throws Error on a text that is no network */
export function blockListOf(cidrs: readonly string[]): BlockList {
  const list = new BlockList();
  for (const cidr of cidrs) {
    const [address = '', bits] = cidr.split('/');
    const family = isIPv6(address) ? 'ipv6' : 'ipv4';
    list.addSubnet(address, Number(bits ?? (family === 'ipv6' ? 128 : 32)), family);
  }
  return list;
}

export function listContains(list: BlockList, address: string): boolean {
  const plain = normalizeAddress(address);
  if (isIP(plain) === 0) return false;
  return list.check(plain, isIPv6(plain) ? 'ipv6' : 'ipv4');
}

/** Sockets that listen on IPv6 report IPv4 peers as ::ffff:a.b.c.d. */
export const normalizeAddress = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/i, '');

export const isLoopbackAddress = (address: string): boolean => listContains(LOOPBACK, address);

/** The client behind trusted proxies: the last forwarded address that is not itself a trusted proxy. */
export function clientAddress(peer: string, forwardedFor: string | undefined, trusted: BlockList): string {
  let address = normalizeAddress(peer);
  if (!forwardedFor) return address;
  const hops = forwardedFor.split(',').map((hop) => normalizeAddress(hop.trim()));
  while (listContains(trusted, address)) {
    const previous = hops.pop();
    if (previous === undefined || isIP(previous) === 0) break;
    address = previous;
  }
  return address;
}
