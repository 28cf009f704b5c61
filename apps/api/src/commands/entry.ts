import { createHash } from 'node:crypto';
import type { Actor } from './define-command';

/** A command as it stands in the log. */
export interface CommandEnvelope {
  readonly id: string;
  readonly type: string;
  readonly since: number;
  /** ms since the epoch, the proposer's clock. */
  readonly at: number;
  readonly actor: Actor;
  readonly node: number;
  /** Keyed hash of the request behind an Idempotency-Key; empty otherwise. */
  readonly fingerprint: string;
  readonly input: unknown;
}

/** Version of the entry format itself. */
const ENTRY_VERSION = 1;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The log's bytes for a batch. Commands are serialized once, by the proposer, to count their size. */
export function encodeEntry(serializedCommands: readonly string[]): Uint8Array {
  return encoder.encode(`{"v":${ENTRY_VERSION},"commands":[${serializedCommands.join(',')}]}`);
}

/** @throws Error when the bytes are not an entry that this build can read */
export function decodeEntry(bytes: Uint8Array): readonly CommandEnvelope[] {
  const parsed = JSON.parse(decoder.decode(bytes)) as { v?: unknown; commands?: unknown };
  if (parsed.v !== ENTRY_VERSION || !Array.isArray(parsed.commands)) {
    throw new UpgradeRequired(`log entries of format ${String(parsed.v)} need a newer version`);
  }
  return parsed.commands as CommandEnvelope[];
}

export const CHAIN_GENESIS = Buffer.alloc(32);

/** The next value of the hash chain: equal chains at equal index mean equal histories. */
export function nextChain(chain: Uint8Array, bytes: Uint8Array): Buffer {
  return createHash('sha256').update(chain).update(bytes).digest();
}

/** The log holds something newer than this build: stop applying, never skip. */
export class UpgradeRequired extends Error {
  override readonly name = 'UpgradeRequired';
}
