import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { UpgradeRequired } from '../commands/entry';
import { MAX_ENTRY_BYTES } from './log';

/** First byte of a value: how the entry's bytes follow. */
const PLAIN = 0;
const DEFLATE = 1;
/** No entry: the epoch ends here. The number of the next one follows, in decimal. */
const END = 2;

/** Below this an entry is one or two commands, and compressing it would only add to its latency. */
const COMPRESS_FROM_BYTES = 2048;

/**
 * An entry as etcd keeps it. Batches are compressed: commands of a batch look alike, so a tenth is left, and every
 * member has to receive, sync, keep and send what is left. Level 1 takes under a microsecond a command.
 */
export function packEntry(bytes: Uint8Array): Buffer {
  if (bytes.length < COMPRESS_FROM_BYTES) return Buffer.concat([Buffer.of(PLAIN), bytes]);
  return Buffer.concat([Buffer.of(DEFLATE), deflateRawSync(bytes, { level: 1 })]);
}

/** The last value of an epoch that counts: whatever stands behind it is no part of any log. */
export const epochEnd = (next: number): Buffer => Buffer.concat([Buffer.of(END), Buffer.from(String(next))]);

/** The epoch that comes next, where this value ends one. */
export const nextEpoch = (value: Buffer): number | undefined =>
  value[0] === END ? Number(value.toString('latin1', 1)) : undefined;

/** @throws UpgradeRequired for a format of a newer version @throws Error when the value is damaged */
export function unpackEntry(value: Uint8Array): Uint8Array {
  if (value[0] === PLAIN) return value.subarray(1);
  if (value[0] === DEFLATE) return inflateRawSync(value.subarray(1), { maxOutputLength: MAX_ENTRY_BYTES });
  throw new UpgradeRequired(`log values of format ${String(value[0])} need a newer version`);
}
