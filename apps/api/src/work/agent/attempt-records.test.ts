import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../lib/logger';
import { BEGUN, createAttemptRecords } from './attempt-records';
import { lostEnd } from './job-run';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'quorate-attempts-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

describe('the record of an attempt', () => {
  const long = { ...BEGUN, pid: 4_000_000, startTime: '1234567890'.repeat(5) };
  const ended = { ...BEGUN, total: 3, end: { ...lostEnd('gone'), outputTail: 'a\nb', outputBytes: 3 } };

  it('is the one that was written last, also when it is the shorter one', () => {
    const records = createAttemptRecords(dir, silentLogger());
    const open = records.open('a.1');
    for (const record of [BEGUN, long, ended, BEGUN]) {
      open.write(record);
      expect(records.load('a.1')).toEqual(record);
    }
    open.close();
    expect(records.load('a.2')).toBeUndefined();
  });

  it('tells no end when it was cut off', () => {
    const records = createAttemptRecords(dir, silentLogger());
    const open = records.open('a.1');
    expect(records.load('a.1')).toEqual(BEGUN);
    open.write(ended);
    open.close();
    truncateSync(join(dir, 'a.1.json'), readFileSync(join(dir, 'a.1.json')).length - 5);
    expect(records.load('a.1')).toEqual(BEGUN);
  });

  it('is removed with the output of that attempt, and of no other', () => {
    const records = createAttemptRecords(dir, silentLogger());
    for (const name of ['a.1', 'a.11', 'b.1']) {
      records.open(name).close();
      for (const suffix of ['.log', '.log.1', '.log.2']) writeFileSync(join(dir, name + suffix), '');
    }
    expect(records.names().sort()).toEqual(['a.1', 'a.11', 'b.1']);
    records.remove(new Set(['a.1', 'b.1']));
    expect(readdirSync(dir).sort()).toEqual(['a.11.json', 'a.11.log', 'a.11.log.1', 'a.11.log.2']);
  });
});
