import { closeSync, ftruncateSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

// The write-ahead log of an etcd member, as etcd 3.4 to 3.6 write it: frames of a length (8 bytes, little endian; the
// top byte says how many bytes fill the frame up to a multiple of 8) and a record { 1: type, 2: crc, 3: data }.

const TYPE = { entry: 2n, state: 3n, crc: 4n } as const;
const SECTOR_BYTES = 512;

interface WalRecord {
  readonly type: bigint;
  readonly crc: number;
  readonly data: Buffer;
}

interface WalFile {
  readonly records: readonly WalRecord[];
  /** Where the next frame goes. */
  readonly end: number;
  /** False when what follows was neither written nor cut off by a crash: the file is damaged. */
  readonly isSound: boolean;
}

const CASTAGNOLI = Uint32Array.from({ length: 256 }, (_, n) => {
  let crc = n;
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc;
});

function updateCrc(before: number, data: Uint8Array): number {
  let crc = ~before >>> 0;
  for (const byte of data) crc = (CASTAGNOLI[(crc ^ byte) & 0xff] ?? 0) ^ (crc >>> 8);
  return ~crc >>> 0;
}

/** Fields of a protobuf message: numbers, and bytes as they are. @throws RangeError it is cut short */
function fieldsOf(message: Buffer): Map<number, bigint | Buffer> {
  const fields = new Map<number, bigint | Buffer>();
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = message.readUInt8(at);
      at += 1;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < message.length) {
    const key = Number(varint());
    if ((key & 7) === 0) fields.set(key >> 3, varint());
    else if ((key & 7) === 2) {
      const length = Number(varint());
      if (at + length > message.length) throw new RangeError('a field is cut short');
      fields.set(key >> 3, message.subarray(at, at + length));
      at += length;
    } else throw new RangeError(`field ${key >> 3} is of an unknown kind`);
  }
  return fields;
}

function varintBytes(value: bigint): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return [...bytes, Number(rest)];
}

const numberIn = (fields: Map<number, bigint | Buffer>, field: number): bigint => {
  const value = fields.get(field);
  return typeof value === 'bigint' ? value : 0n;
};

/** A crash in the middle of a write leaves sectors that were never written. */
function isTorn(bytes: Buffer, from: number, to: number): boolean {
  if (to > bytes.length) return true;
  for (let at = from; at < to; ) {
    const next = Math.min(to, (Math.floor(at / SECTOR_BYTES) + 1) * SECTOR_BYTES);
    if (bytes.subarray(at, next).every((byte) => byte === 0)) return true;
    at = next;
  }
  return false;
}

function readWal(bytes: Buffer): WalFile {
  const records: WalRecord[] = [];
  let [at, crc] = [0, 0];
  for (;;) {
    const done = (isSound: boolean): WalFile => ({ records, end: at, isSound });
    if (at + 8 > bytes.length) return done(true);
    const frame = bytes.readBigUInt64LE(at);
    if (frame === 0n) return done(true);
    const length = Number(frame & 0x00ff_ffff_ffff_ffffn);
    const top = Number(frame >> 56n);
    const padding = top & 0x80 ? top & 0x07 : 0;
    const [from, to] = [at + 8, at + 8 + length];
    try {
      if (to > bytes.length) return done(true);
      const fields = fieldsOf(bytes.subarray(from, to));
      const data = fields.get(3);
      const record = {
        type: numberIn(fields, 1),
        crc: Number(numberIn(fields, 2)),
        data: Buffer.from((data as Buffer | undefined) ?? []),
      };
      const expected = record.type === TYPE.crc ? record.crc : updateCrc(crc, record.data);
      if (record.crc !== expected) return done(isTorn(bytes, from, to));
      crc = record.crc;
      records.push(record);
      at = to + padding;
    } catch {
      return done(isTorn(bytes, from, to));
    }
  }
}

function frameOf(type: bigint, crc: number, data: Uint8Array): Buffer {
  const record = Buffer.from([
    ...[0x08, ...varintBytes(type), 0x10, ...varintBytes(BigInt(crc))],
    ...[0x1a, ...varintBytes(BigInt(data.length)), ...data],
  ]);
  const padding = (8 - (record.length % 8)) % 8;
  const head = Buffer.alloc(8);
  head.writeBigUInt64LE(BigInt(record.length) | (padding === 0 ? 0n : BigInt(0x80 | padding) << 56n));
  return Buffer.concat([head, record, Buffer.alloc(padding)]);
}

const lastOf = (file: WalFile, type: bigint): Map<number, bigint | Buffer> | undefined => {
  const found = file.records.findLast((record) => record.type === type);
  return found && fieldsOf(found.data);
};

/**
 * Marks all that a member's journal holds as committed. A member stores how far the log is committed together with the
 * entries that come next, so the last entries that were acknowledged are never marked on disk when a cluster dies at
 * once; etcd's --force-new-cluster would drop them. Entries that were not acknowledged are kept with them, which is
 * an outcome that nobody was told. For a copy of the journal that no etcd uses.
 *
 * @returns the Raft term of the last entry: of two journals the later term is right, as in an election. Undefined where
 *   nothing was changed: it holds no entries, or is damaged (etcd says how)
 */
export function commitWholeLog(raftDir: string): { term: number } | undefined {
  const folder = join(raftDir, 'member', 'wal');
  const names = readdirSync(folder)
    .filter((name) => name.endsWith('.wal'))
    .sort();
  const newest = names.at(-1);
  if (newest === undefined) return undefined;
  const path = join(folder, newest);
  const file = readWal(readFileSync(path));
  const state = lastOf(file, TYPE.state);
  if (!file.isSound || !state) return undefined;
  let entry = lastOf(file, TYPE.entry);
  for (const name of names.slice(0, -1).reverse())
    entry ??= lastOf(readWal(readFileSync(join(folder, name))), TYPE.entry);
  if (!entry) return undefined;
  const [term, index] = [numberIn(entry, 2), numberIn(entry, 3)];
  if (index > numberIn(state, 3)) {
    const numbers = [numberIn(state, 1), numberIn(state, 2), index];
    const data = Uint8Array.from(numbers.flatMap((value, n) => [(n + 1) << 3, ...varintBytes(value)]));
    const frame = frameOf(TYPE.state, updateCrc(file.records.at(-1)?.crc ?? 0, data), data);
    const target = openSync(path, 'r+');
    try {
      writeSync(target, frame, 0, frame.length, file.end);
      ftruncateSync(target, file.end + frame.length);
    } finally {
      closeSync(target);
    }
  }
  return { term: Number(term) };
}
