import { randomBytes } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { UpgradeRequired } from '../commands/entry';
import { packEntry, unpackEntry } from './etcd-log-value';
import { MAX_ENTRY_BYTES } from './log';

describe('an entry as etcd keeps it', () => {
  it.each([0, 1, 300, 2047, 2048, MAX_ENTRY_BYTES])('comes back as it was, at %i bytes', (size) => {
    for (const bytes of [randomBytes(size), Buffer.alloc(size, '{"type":"users.update"}')]) {
      expect(bytes.equals(unpackEntry(packEntry(bytes)))).toBe(true);
    }
  });

  it('takes a tenth for a batch of like commands, and one byte more for a single one', () => {
    const command = JSON.stringify({ type: 'session.create', input: { username: 'ada' }, node: 1 });
    expect(packEntry(Buffer.from(command.repeat(200))).length).toBeLessThan((command.length * 200) / 10);
    expect(packEntry(Buffer.from(command)).length).toBe(command.length + 1);
  });

  it('asks for an upgrade at a format that it does not know', () => {
    expect(() => unpackEntry(Buffer.from([7, 1, 2]))).toThrow(UpgradeRequired);
    expect(() => unpackEntry(Buffer.alloc(0))).toThrow(UpgradeRequired);
  });

  it('unpacks no more than an entry may have', () => {
    const bomb = deflateRawSync(Buffer.alloc(MAX_ENTRY_BYTES + 1));
    expect(() => unpackEntry(Buffer.concat([Buffer.of(1), bomb]))).toThrow(RangeError);
  });
});
