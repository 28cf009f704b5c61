import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { uuidv7 } from '../../lib/ids';
import { silentLogger } from '../../lib/logger';
import { until } from '../../testing/until';
import { createJobStore, type JobRun } from './job-run';
import { createSpawner } from './spawner';

let dir: string;
const runs: JobRun[] = [];
const spawner = createSpawner({ leaseEndsAt: () => performance.now() + 3_600_000, logger: silentLogger() });
afterAll(() => spawner.stop());
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'quorate-runs-'));
});
afterEach(async () => {
  for (const run of runs.splice(0)) {
    run.stop('cancelled');
    await run.ended;
  }
  rmSync(dir, { recursive: true, force: true });
});

const spec = (command: string, ...args: string[]) => ({
  ...{ kind: 'exec' as const, command, args, env: {}, stdin: '', timeout_seconds: 120, labels: {} },
});
function start(...what: Parameters<typeof spec>) {
  const of = { id: uuidv7(), attempt: 1 };
  const store = createJobStore({ dir, spawner });
  const run = store.start(of, spec(...what));
  runs.push(run);
  return { of, store, run };
}
const isAlive = (pid: number): boolean => {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
};

describe('a program', () => {
  it('that ignores SIGTERM is killed with its children when it is cancelled', async () => {
    const { run } = start(
      'sh',
      '-c',
      "trap '' TERM; sh -c 'trap \"\" TERM; echo $$; while :; do sleep 1; done' & echo $$; wait; wait",
    );
    let pids: number[] = [];
    await until(async () => {
      const { data } = await run.output(0, 100);
      pids = Buffer.from(data, 'base64').toString().trim().split('\n').filter(Boolean).map(Number);
      return pids.length === 2;
    }, 'parent and child run');
    expect(pids.map(isAlive)).toEqual([true, true]);
    run.stop('cancelled');
    expect(await run.ended).toMatchObject({ outcome: 'cancelled', signal: 'SIGKILL' });
    await until(() => !pids.some(isAlive), 'nothing of it is left');
  });

  it('is over although something that left its group holds the output open', async () => {
    const { run } = start('sh', '-c', 'setsid sleep 300 & echo $!');
    const end = await run.ended;
    expect(end).toMatchObject({ outcome: 'succeeded' });
    process.kill(Number(end.outputTail), 'SIGKILL');
  });

  it('may write 500 MB: little of it is kept, in memory and on disk', async () => {
    const before = process.memoryUsage().rss;
    let most = 0;
    const watch = setInterval(() => {
      most = Math.max(most, process.memoryUsage().rss - before);
    }, 20);
    const { run, of, store } = start('head', '-c', '500000000', '/dev/zero');
    const end = await run.ended;
    clearInterval(watch);
    expect(end).toMatchObject({ outcome: 'succeeded', outputBytes: 500_000_000 });
    expect(most).toBeLessThan(100e6);
    const bytes = readdirSync(dir).reduce((sum, name) => sum + statSync(join(dir, name)).size, 0);
    expect(bytes).toBeLessThan(1.5e6);
    expect(store.output(of, 499_999_999)).toMatchObject({ offset: 499_999_999, total: 500_000_000, ended: true });
  }, 60_000);

  it('that was begun by a runner that is gone is ended, and never begun again', async () => {
    const { of, run } = start('sleep', '300');
    await run.begun;
    const { pid } = JSON.parse(readFileSync(join(dir, `${of.id}.1.json`), 'utf8'));
    const next = createJobStore({ dir, spawner });
    expect(next.recover(of)).toMatchObject({ outcome: 'lost', error: 'the runner was restarted while it ran' });
    await run.ended;
    expect(isAlive(pid)).toBe(false);
    expect(next.recover({ ...of, attempt: 2 })).toBeUndefined();
  });
});
