import { isIPv6 } from 'node:net';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { DomainError } from '../commands/domain-error';

/** Bounds guesses of passwords and setup codes by address and by name. In memory, per node. */
export interface LoginThrottle {
  /** Counts an attempt. @throws DomainError too_many_requests */
  consume(address: string, name: string): Promise<void>;
  /** A success forgives earlier slips of this name. */
  forgive(address: string, name: string): Promise<void>;
}

export function createLoginThrottle(): LoginThrottle {
  const byAddress = new RateLimiterMemory({ keyPrefix: 'address', points: 60, duration: 60 });
  const byName = new RateLimiterMemory({ keyPrefix: 'name', points: 10, duration: 60, blockDuration: 60 });
  const nameKey = (address: string, name: string): string => `${networkOf(address)}|${name.slice(0, 64)}`;

  return {
    async consume(address, name) {
      try {
        await byAddress.consume(networkOf(address));
        await byName.consume(nameKey(address, name));
      } catch (error) {
        if (!(error instanceof RateLimiterRes)) throw error;
        const seconds = Math.max(1, Math.ceil(error.msBeforeNext / 1000));
        throw new DomainError('too_many_requests', `too many attempts; try again in ${seconds} s`, [], seconds);
      }
    },
    async forgive(address, name) {
      await byName.delete(nameKey(address, name));
    },
  };
}

/** An IPv6 host has a whole /64 of addresses to guess from; of IPv4, the address itself. */
function networkOf(address: string): string {
  if (!isIPv6(address)) return address;
  const [head = '', tail] = address.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail ? tail.split(':') : [];
  const zeros = Array.from({ length: tail === undefined ? 0 : 8 - before.length - after.length }, () => '0');
  return [...before, ...zeros, ...after].slice(0, 4).join(':');
}
