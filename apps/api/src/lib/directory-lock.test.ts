import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { DirectoryLocked, lockDirectory } from './directory-lock';

let directory: string;
let child: ChildProcess | undefined;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'quorate-lock-'));
});
afterEach(() => {
  child?.kill('SIGKILL');
  child = undefined;
  rmSync(directory, { recursive: true, force: true });
});

it('lets one holder use a data directory, and the next one after it', () => {
  const unlock = lockDirectory(directory);
  expect(() => lockDirectory(directory)).toThrow(DirectoryLocked);
  expect(() => lockDirectory(directory)).toThrow(directory);
  unlock();
  lockDirectory(directory)();
});

it('is released when its process is killed', async () => {
  const module = pathToFileURL(join(import.meta.dirname, 'directory-lock.ts')).href;
  const script = `import { lockDirectory } from ${JSON.stringify(module)};
    lockDirectory(process.argv[1]); process.stdout.write('locked'); setInterval(() => {}, 1000);`;
  const holder = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  child = holder;
  await once(holder.stdout, 'data');
  expect(() => lockDirectory(directory)).toThrow(DirectoryLocked);
  const exited = once(holder, 'exit');
  holder.kill('SIGKILL');
  await exited;
  lockDirectory(directory)();
});
