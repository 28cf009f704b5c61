import { appendFileSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openOutput } from './output';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'output-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const write = (text: string): void => appendFileSync(join(dir, 'output'), text);
const FULL = 'x'.repeat(600 * 1024);

it('keeps the last line of a program that ends while its output is put aside', () => {
  const last = ['the cause\n', 'the end\n'];
  const output = openOutput(dir, () => write(last.shift() ?? ''));
  write(FULL);
  expect(output.bound()).toBe(true);
  expect(last).toEqual([]);
  expect(output.tail(0, 21)).toBe('xxxthe cause\nthe end\n');
  expect(output.total).toBe(FULL.length + 18);
  expect(statSync(output.path).size).toBe(0);
  write('and on\n');
  expect(openOutput(dir).tail(0, 15)).toBe('the end\nand on\n');
});

it('empties the file of a program that never pauses, and keeps no more of it than it may', () => {
  const output = openOutput(dir, () => write('y'.repeat(100 * 1024)));
  write(FULL);
  const found = [output.bound(), statSync(output.path).size];
  expect(found).toEqual([true, 0]);
  expect(output.total).toBe(FULL.length + 8 * 100 * 1024);
  const kept = output.read(0, 1 << 21);
  expect(kept.offset).toBeGreaterThan(FULL.length);
  expect(kept.data.length).toBe(384 * 1024);
});
