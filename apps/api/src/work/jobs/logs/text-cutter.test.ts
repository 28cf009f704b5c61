import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createTextCutter } from './text-cutter';

it('gives the same text however the bytes are cut, UTF-8 or not', () => {
  const bytes = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 40 }).map((text) => Buffer.from(text)),
    fc.uint8Array({ maxLength: 40 }).map((data) => Buffer.from(data)),
  );
  fc.assert(
    fc.property(bytes, fc.array(fc.nat({ max: 40 }), { maxLength: 6 }), (all, cuts) => {
      const cutter = createTextCutter(0);
      let text = '';
      let at = 0;
      for (const end of [...cuts.map((cut) => Math.min(cut, all.length)).sort((a, b) => a - b), all.length]) {
        const taken = cutter.take(all.subarray(at, end), end === all.length);
        expect(taken.begin).toBeLessThanOrEqual(cutter.offset);
        text += taken.text;
        at = end;
      }
      text += cutter.take(Buffer.alloc(0), true).text;
      expect(text).toBe(all.toString('utf8'));
      expect([cutter.offset, cutter.next]).toEqual([all.length, all.length]);
    }),
  );
});
