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
