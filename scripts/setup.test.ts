import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { nodeIsSupported } from './lib/check-node.mjs';
import { BUILD_OUTPUTS, buildFingerprint, runtimeId, staleBuild, staleInstall } from './lib/fresh.mjs';
import { withLock } from './lib/lock.mjs';
import { findProgram } from './system-programs.mjs';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quorate-setup-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(path: string, content: unknown): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), typeof content === 'string' ? content : JSON.stringify(content));
}

test.each([
  ['20.19.0', true],
  ['20.18.9', false],
  ['18.99.0', false],
  ['22.0.0', true],
])('Node %s is supported: %s', (version, supported) => expect(nodeIsSupported(version)).toBe(supported));

describe('a stale install', () => {
  const wanted = {
    packages: {
      '': { name: 'root' },
      'apps/x': { name: 'x' },
      'node_modules/x': { link: true },
      'node_modules/a': { version: '1.0.0' },
      'node_modules/@s/b': { version: '2.0.0' },
      'node_modules/b-darwin': { version: '2.0.0', optional: true },
    },
  };
  const installed = { packages: { 'node_modules/a': { version: '1.0.0' }, 'node_modules/@s/b': { version: '2.0.0' } } };

  beforeEach(() => {
    write('package-lock.json', wanted);
    write('node_modules/.package-lock.json', installed);
  });

  test('up to date; packages for other platforms may be absent', () => expect(staleInstall(folder)).toBeUndefined());

  test('nothing installed, or an install that was interrupted', () => {
    rmSync(join(folder, 'node_modules/.package-lock.json'));
    expect(staleInstall(folder)).toBe('npm packages are not installed');
  });

  test.each([
    ['another version', { ...installed.packages, 'node_modules/@s/b': { version: '2.0.1' } }, '@s/b changed'],
    ['a package that is missing', { 'node_modules/@s/b': { version: '2.0.0' } }, 'a changed'],
  ])('%s', (_, packages, reason) => {
    write('node_modules/.package-lock.json', { packages });
    expect(staleInstall(folder)).toBe(reason);
  });

  test('compiled for another Node', () => {
    write('node_modules/.quorate.json', { runtime: 'linux-x64-abi1' });
    expect(staleInstall(folder)).toContain('installed for linux-x64-abi1');
    write('node_modules/.quorate.json', { runtime: runtimeId() });
    expect(staleInstall(folder)).toBeUndefined();
  });
});

describe('a stale build', () => {
  let stamp: string;
  beforeEach(() => {
    stamp = join(folder, 'stamp.json');
    for (const path of [...BUILD_OUTPUTS, 'apps/api/src/a.ts', 'apps/api/src/b.ts']) write(path, 'x');
    writeFileSync(stamp, JSON.stringify({ fingerprint: buildFingerprint(folder) }));
  });

  test('nothing changed; outputs and tests do not count', () => {
    write('apps/api/src/a.test.ts', 'x');
    write('apps/api/dist/other.js', 'x');
    expect(staleBuild(folder, stamp)).toBe(false);
  });
  test('a changed source', () => {
    write('apps/api/src/a.ts', 'xx');
    expect(staleBuild(folder, stamp)).toBe(true);
  });
  test('a deleted source', () => {
    rmSync(join(folder, 'apps/api/src/b.ts'));
    expect(staleBuild(folder, stamp)).toBe(true);
  });
  test('a missing output', () => {
    rmSync(join(folder, 'apps/web/out/index.html'));
    expect(staleBuild(folder, stamp)).toBe(true);
  });
  test('no stamp', () => {
    rmSync(stamp);
    expect(staleBuild(folder, stamp)).toBe(true);
  });
});

describe('the lock', () => {
  const LOCK = join(import.meta.dirname, 'lib/lock.mjs');

  test('is held by one process at a time, also when its first holder has died', async () => {
    const dead = spawnSync(process.execPath, ['-e', '']).pid;
    writeFileSync(join(folder, 'setup.lock'), String(dead));
    // Each child fails when another is inside: it makes a folder that must not exist, and removes it again.
    const program = `
      import { withLock } from ${JSON.stringify(LOCK)};
      import { mkdirSync, rmdirSync } from 'node:fs';
      await withLock(process.argv[1], 'setup', async () => {
        mkdirSync(process.argv[1] + '/inside');
        await new Promise((resolve) => setTimeout(resolve, 50));
        rmdirSync(process.argv[1] + '/inside');
      });`;
    const children = Array.from({ length: 4 }, () =>
      spawn(process.execPath, ['--input-type=module', '-e', program, folder], { stdio: 'ignore' }),
    );
    const codes = await Promise.all(children.map(async (child) => (await once(child, 'close'))[0]));
    expect(codes).toEqual([0, 0, 0, 0]);
    expect(existsSync(join(folder, 'setup.lock'))).toBe(false);
  });

  test('is released when the work fails, and gives up with the holder named', async () => {
    await expect(withLock(folder, 'setup', () => Promise.reject(new Error('work')))).rejects.toThrow('work');
    expect(existsSync(join(folder, 'setup.lock'))).toBe(false);
    writeFileSync(join(folder, 'setup.lock'), String(process.pid));
    await expect(withLock(folder, 'setup', async () => {}, { timeoutMs: 1 })).rejects.toThrow(`process ${process.pid}`);
  });
});

test('a program is found in the folders, under any of its names', () => {
  expect(findProgram('chromium', [folder])).toBeUndefined();
  write('google-chrome', '#!/bin/sh\n');
  expect(findProgram('chromium', [folder])).toBeUndefined();
  chmodSync(join(folder, 'google-chrome'), 0o755);
  expect(findProgram('chromium', [folder])).toBe(join(folder, 'google-chrome'));
});

test('a program that is unknown is refused with the ones that exist', () => {
  const { status, stderr } = spawnSync(process.execPath, [join(import.meta.dirname, 'run.mjs'), 'dmo'], {
    encoding: 'utf8',
  });
  expect({ status, stderr }).toEqual({
    status: 1,
    stderr: 'There is no program "dmo".\nUse one of: demo, smoke, bench\n',
  });
});

test('every script checks Node before anything else', () => {
  for (const name of ['setup', 'start', 'test', 'run', 'check']) {
    const first = readFileSync(join(import.meta.dirname, `${name}.mjs`), 'utf8').match(/^import .*$/m)?.[0];
    expect(first, name).toBe("import './lib/check-node.mjs';");
  }
});
