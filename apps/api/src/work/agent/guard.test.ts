import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, expect, it } from 'vitest';
import { silentLogger } from '../../lib/logger';
import { until } from '../../testing/until';
import { createGuard, type Guard } from './guard';
import { identityOf } from './process-group';

const started: ChildProcess[] = [];
let guard: Guard | undefined;
afterEach(() => {
  guard?.stop();
  for (const child of started.splice(0)) {
    try {
      process.kill(-(child.pid ?? 0), 'SIGKILL');
    } catch {
      // It has ended.
    }
  }
});

/** A program that ignores SIGTERM, with a child. */
async function startGroup() {
  const child = spawn('sh', ['-c', "trap '' TERM; sleep 600 & echo ready; wait"], { detached: true, stdio: 'pipe' });
  started.push(child);
  if (child.stdout) await once(child.stdout, 'data');
  const identity = identityOf(child.pid ?? 0);
  if (!identity) throw new Error('it did not start');
  return identity;
}
const isAlive = (pid: number): boolean => {
  try {
    process.kill(-pid, 0);
    return true;
  } catch {
    return false;
  }
};

it('ends groups whose lease is over, though this process does nothing about it', async () => {
  let endsAt = performance.now() + 3_600_000;
  guard = createGuard({ leaseEndsAt: () => endsAt, logger: silentLogger() });
  const [lost, done] = [await startGroup(), await startGroup()];
  guard.watch(lost);
  guard.watch(done);
  guard.forget(done);
  expect(isAlive(lost.pid)).toBe(true);
  endsAt = performance.now() - 10_000;
  await until(() => !isAlive(lost.pid), 'the group is gone', 20_000);
  expect(isAlive(done.pid)).toBe(true);
});

it('ends groups when the process that watched them gets kill -9', async () => {
  const group = await startGroup();
  const other = await startGroup();
  const script = [
    `import { createGuard } from ${JSON.stringify(new URL('./guard.ts', import.meta.url).pathname)};`,
    `const guard = createGuard({ leaseEndsAt: () => performance.now() + 3600000, logger: console });`,
    `guard.watch(${JSON.stringify(group)});`,
    // Another program has this number by now.
    `guard.watch(${JSON.stringify({ pid: other.pid, startTime: '1' })});`,
    `console.log('watching'); setInterval(() => {}, 1000);`,
  ].join('\n');
  const runner = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], { stdio: 'pipe' });
  if (runner.stdout) await once(runner.stdout, 'data');
  expect(isAlive(group.pid)).toBe(true);
  runner.kill('SIGKILL');
  await until(() => !isAlive(group.pid), 'the group is gone', 20_000);
  expect(isAlive(other.pid)).toBe(true);
});
