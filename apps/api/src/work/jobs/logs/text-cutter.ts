/** Text of bytes that come in pieces: a character that is cut waits for its rest. */
export interface TextCutter {
  /** Bytes that were given out so far. */
  readonly offset: number;
  /** The byte behind everything that came. */
  readonly next: number;
  /** Text of what came, and where it begins. `isLast`: nothing comes any more, so that nothing is waited for. */
  take(data: Buffer, isLast: boolean): { readonly begin: number; readonly text: string };
  /** Goes on at another byte. */
  skip(to: number): void;
}

const LONGEST = 4;

/** Bytes at the end that are the beginning of a character. */
function cutBytes(data: Buffer): number {
  for (let back = 1; back <= Math.min(LONGEST - 1, data.length); back += 1) {
    const byte = data[data.length - back] ?? 0;
    if ((byte & 0xc0) === 0x80) continue;
    const wanted = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return wanted > back ? back : 0;
  }
  return 0;
}

export function createTextCutter(from: number): TextCutter {
  let offset = from;
  let held: Buffer = Buffer.alloc(0);
  return {
    get offset() {
      return offset;
    },
    get next() {
      return offset + held.length;
    },
    take(data, isLast) {
      const all = Buffer.concat([held, data]);
      const whole = all.length - (isLast ? 0 : cutBytes(all));
      const begin = offset;
      offset += whole;
      held = all.subarray(whole);
      return { begin, text: all.toString('utf8', 0, whole) };
    },
    skip(to) {
      offset = to;
      held = Buffer.alloc(0);
    },
  };
}
