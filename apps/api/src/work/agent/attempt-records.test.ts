import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  truncateSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../lib/logger';
import { BEGUN, openAttemptRecords } from './attempt-records';
import { lostEnd } from './job-run';

let dir: string;
const file = () => join(dir, 'attempts.log');
const open = () => openAttemptRecords(dir, silentLogger());
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'quorate-attempts-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

describe('the record of an attempt', () => {
  const started = { ...BEGUN, pid: 4_000_000, startTime: '1234567890'.repeat(5) };
  const ended = { ...BEGUN, total: 3, end: { ...lostEnd('gone'), outputTail: 'a\nb ü', outputBytes: 3 } };

  it('is the one that was written last, for this process and the next', () => {
    const records = open();
    for (const record of [BEGUN, started, ended, BEGUN, ended]) {
      records.write('a.1', record);
      records.write('a.2', BEGUN);
      for (const reader of [records, open()]) expect(reader.load('a.1')).toEqual(record);
    }
    expect(records.load('a.3')).toBeUndefined();
    expect(open()).toMatchObject({ damaged: false });
    expect(open().names()).toEqual(['a.1', 'a.2']);
  });

  it('is the one before where the last one was cut off, and the next one is not harmed', () => {
    const records = open();
    records.write('a.1', started);
    records.write('a.1', ended);
    truncateSync(file(), readFileSync(file()).length - 5);
    const next = open();
    expect([next.damaged, next.load('a.1')]).toEqual([false, started]);
    next.write('a.2', ended);
    const last = open();
    expect([last.damaged, last.load('a.1'), last.load('a.2')]).toEqual([false, started, ended]);
  });

  it('tells no end when it is damaged, and is known to be missing when its name is', () => {
    open().write('a.1', ended);
    appendFileSync(file(), 'a.1 {"pid"\n');
    expect([open().damaged, open().load('a.1')]).toEqual([false, BEGUN]);
    appendFileSync(file(), 'a.\n');
    const next = open();
    expect([next.damaged, next.names(), next.load('a.1')]).toEqual([true, ['a.1'], BEGUN]);
    next.mend();
    expect([next.damaged, open().damaged, open().names()]).toEqual([false, false, ['a.1']]);
  });

  it('is forgotten without the others, and what does not count any more leaves the disk', () => {
    const records = open();
    const long = { ...ended, end: { ...ended.end, outputTail: 'x'.repeat(10_000) } };
    const names = Array.from({ length: 200 }, (_, n) => `a.${n}`);
    for (const name of names) records.write(name, long);
    // The new file cannot be made, as on a full disk.
    mkdirSync(join(dir, 'attempts.log.new'));
    expect(() => records.forget(new Set(names.slice(0, -3)))).toThrow('EISDIR');
    expect([records.load('a.0'), records.load('a.199')]).toEqual([undefined, long]);
    rmdirSync(join(dir, 'attempts.log.new'));
    records.forget(new Set());
    expect(statSync(file()).size).toBeLessThan(50_000);
    records.write('b.1', ended);
    for (const reader of [records, open()]) {
      expect(reader.names()).toEqual([...names.slice(-3), 'b.1']);
      expect([reader.load('a.0'), reader.load('a.199'), reader.load('b.1')]).toEqual([undefined, long, ended]);
    }
  });
});
