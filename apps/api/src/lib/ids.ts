import { randomFillSync } from 'node:crypto';
import { V7Generator } from 'uuidv7';

/** Random numbers are fetched a page at a time: one by one they cost more than the rest of an id. */
const pool = new Uint32Array(1024);
let used = pool.length;

function nextUint32(): number {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const value = pool[used] as number;
  used += 1;
  return value;
}

const generator = new V7Generator({ nextUint32 });

/** A UUID version 7: unique anywhere, and ascending within this process. */
export const uuidv7 = (): string => generator.generate().toString();

/** A UUID version 8 (its content is the maker's own) of the first 16 of at least as many bytes. */
export function uuidFrom(bytes: Uint8Array): string {
  const own = Buffer.from(bytes.subarray(0, 16));
  own.writeUInt8((own.readUInt8(6) & 0x0f) | 0x80, 6);
  own.writeUInt8((own.readUInt8(8) & 0x3f) | 0x80, 8);
  return own.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
