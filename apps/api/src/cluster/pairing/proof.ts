import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { PAIRING_ALPHABET, PAIRING_CODE_LETTERS } from '@quorate/shared/pairing';

const EXPORTER_LABEL = 'EXPORTER-quorate-pairing';
const EXPORTER_BYTES = 32;

/** A new pairing code, without dashes. */
export function createPairingCode(): string {
  // 256 is a multiple of 32, so every letter is as likely as any other.
  return [...randomBytes(PAIRING_CODE_LETTERS)].map((byte) => PAIRING_ALPHABET[byte % 32]).join('');
}

/** In groups of four, as people read it out. */
export const formatPairingCode = (code: string): string => code.replaceAll(/(.{4})(?=.)/g, '$1-');

/**
 * What one side shows to prove that it knows the code. The keying material is that of this very TLS connection: someone in
 * the middle has two connections, and neither side's proof is good on the other. `side` keeps a proof from being sent back.
 */
export function pairingProof(code: string, side: 'member' | 'waiting', socket: TLSSocket): string {
  const binding = socket.exportKeyingMaterial(EXPORTER_BYTES, EXPORTER_LABEL, Buffer.alloc(0));
  return createHmac('sha256', code).update(`quorate pairing ${side}\n`).update(binding).digest('hex');
}

/** Compares in constant time. */
export const sameProof = (given: string, expected: string): boolean =>
  given.length === expected.length && timingSafeEqual(Buffer.from(given), Buffer.from(expected));
