import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { afterEach, expect, it } from 'vitest';
import { silentLogger } from '../../lib/logger';
import { until } from '../../testing/until';
import { createSpawner, type Spawned, type Spawner } from './spawner';

const HOUR_MS = 3_600_000;
const spawners: Spawner[] = [];
const pids: number[] = [];
afterEach(() => {
  for (const spawner of spawners.splice(0)) spawner.stop();
  for (const pid of pids.splice(0)) {
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      // It has ended.
    }
  }
});

function newSpawner(leaseEndsAt: () => number): Spawner {
  const spawner = createSpawner({ leaseEndsAt, user: undefined, logger: silentLogger() });
  spawners.push(spawner);
  return spawner;
}
/** Starts a shell script. `output` is what it has written so far. */
function start(spawner: Spawner, script: string): Spawned & { output: () => string } {
  let output = '';
  const onOutput = (chunk: Buffer): void => {
    output += chunk.toString();
  };
  const program = spawner.start(
    { command: 'sh', args: ['-c', script], env: {} },
    { kind: 'job', cwd: '/', instance: randomUUID(), onOutput },
  );
  return { ...program, output: () => output };
}
/** Ignores SIGTERM, and has a child. */
const STUBBORN = "trap '' TERM; sleep 600 & echo ready; wait";
async function startStubborn(spawner: Spawner) {
  const program = start(spawner, STUBBORN);
  await until(() => program.output() === 'ready\n', 'it runs', 20_000);
  const { pid = 0 } = (await program.started) ?? {};
  pids.push(pid);
  return { ...program, pid };
}
const isAlive = (pid: number): boolean => {
  try {
    process.kill(-pid, 0);
    return true;
  } catch {
    return false;
  }
};
const parentOf = (pid: number): number => {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
};

it('gives what a program wrote and how it ended', async () => {
  const spawner = newSpawner(() => performance.now() + HOUR_MS);
  const { ended, output } = start(spawner, 'echo out; echo err >&2; env; cat; exit 7');
  expect(await ended).toEqual({ exitCode: 7, signal: null, error: '', isLost: false, began: true });
  expect(output()).toMatch(/^out\n/);
  expect(output()).toMatch(/^err\n/m);
  expect(output()).not.toMatch(/NODE/);
});

it('says why a program cannot be started', async () => {
  const spawner = newSpawner(() => performance.now() + HOUR_MS);
  const program = spawner.start(
    { command: 'no-such', args: [], env: {} },
    { kind: 'job', cwd: '/', instance: randomUUID(), onOutput: () => undefined },
  );
  expect(await program.started).toBeUndefined();
  expect(await program.ended).toMatchObject({
    error: 'no-such cannot be started: there is no such program on the runner',
    isLost: false,
  });
});

it('ends programs whose lease is over, though this process does nothing about it, and starts no more', async () => {
  let endsAt = performance.now() + HOUR_MS;
  const spawner = newSpawner(() => endsAt);
  const { pid, ended } = await startStubborn(spawner);
  expect(isAlive(pid)).toBe(true);
  endsAt = performance.now() - 10_000;
  expect(await ended).toMatchObject({ signal: 'SIGKILL', isLost: true });
  await until(() => !isAlive(pid), 'the group is gone', 20_000);
  const late = start(spawner, 'echo it ran');
  expect(await late.ended).toMatchObject({ isLost: true });
  expect(late.output()).toBe('');
});

it('ends programs when the process that asked for them gets kill -9', async () => {
  const script = [
    `import { createSpawner } from ${JSON.stringify(new URL('./spawner.ts', import.meta.url).pathname)};`,
    `const spawner = createSpawner({ leaseEndsAt: () => performance.now() + ${HOUR_MS}, user: undefined, logger: console });`,
    `const spec = { command: 'sh', args: ['-c', ${JSON.stringify(STUBBORN)}], env: {} };`,
    `const program = spawner.start(spec, { kind: 'job', cwd: '/', instance: 'here', onOutput: async () => console.log((await program.started).pid) });`,
    `setInterval(() => {}, 1000);`,
  ].join('\n');
  const runner = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], { stdio: 'pipe' });
  const [pid] = runner.stdout ? (await once(runner.stdout, 'data')).map(Number) : [];
  if (!pid) throw new Error('it did not start');
  pids.push(pid);
  expect(isAlive(pid)).toBe(true);
  runner.kill('SIGKILL');
  await until(() => !isAlive(pid), 'the group is gone', 20_000);
});

it('loses what it runs when its own process gets kill -9, and starts the next all the same', async () => {
  const spawner = newSpawner(() => performance.now() + HOUR_MS);
  const { pid, ended } = await startStubborn(spawner);
  process.kill(parentOf(pid), 'SIGKILL');
  expect(await ended).toMatchObject({ isLost: true, error: 'the process that had started it was ended' });
  await until(() => !isAlive(pid), 'the group is gone', 20_000);
  expect(await start(spawner, 'exit 3').ended).toMatchObject({ exitCode: 3 });
});
