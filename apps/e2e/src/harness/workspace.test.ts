import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { until } from './until';
import { createWorkspace } from './workspace';

it('a workspace ends what its programs left behind: what works below its folder, and what names it', async () => {
  const workspace = createWorkspace();
  const below = join(workspace.dir, 'below');
  mkdirSync(below);
  const outside = spawn('sleep', ['300'], { cwd: '/', stdio: 'ignore' });
  const children = [
    spawn('sh', ['-c', 'setsid sleep 300 & wait'], { cwd: below, stdio: 'ignore', detached: true }),
    spawn('sleep', ['300'], { cwd: '/', env: { OUTPUT: join(below, 'output') }, stdio: 'ignore', detached: true }),
  ];
  await Promise.all([outside, ...children].map((child) => once(child, 'spawn')));
  try {
    await workspace.close();
    await until('they have ended', () => children.every(({ signalCode }) => signalCode === 'SIGKILL'));
    expect([outside.exitCode, outside.signalCode]).toEqual([null, null]);
  } finally {
    outside.kill('SIGKILL');
  }
});
