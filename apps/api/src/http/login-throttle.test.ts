import { describe, expect, it } from 'vitest';
import { createLoginThrottle } from './login-throttle';

const GUESSES = 10;

async function guessesFrom(addresses: readonly string[]): Promise<number> {
  const throttle = createLoginThrottle();
  let allowed = 0;
  for (const address of addresses) {
    try {
      await throttle.consume(address, 'ada');
      allowed += 1;
    } catch (error) {
      expect(error).toMatchObject({ code: 'too_many_requests' });
    }
  }
  return allowed;
}

describe('the throttle of sign-ins', () => {
  it('counts the addresses of one IPv6 network together', async () => {
    const hosts = Array.from({ length: 20 }, (_, n) => `2001:db8:1:2:${n.toString(16)}::1`);
    expect(await guessesFrom(hosts)).toBe(GUESSES);
    expect(await guessesFrom(['2001:db8::1', ...Array.from({ length: 20 }, (_, n) => `2001:db8::${n}:2`)])).toBe(
      GUESSES,
    );
  });

  it('keeps other networks, and IPv4 addresses, apart', async () => {
    expect(await guessesFrom(Array.from({ length: 20 }, (_, n) => `2001:db8:1:${n}::1`))).toBe(20);
    expect(await guessesFrom(Array.from({ length: 20 }, (_, n) => `10.0.0.${n}`))).toBe(20);
    expect(await guessesFrom(Array.from({ length: 20 }, () => '::1'))).toBe(GUESSES);
  });
});
