import type { StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { afterAll, afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { uuidv7 } from '../../lib/ids';
import { silentLogger } from '../../lib/logger';
import { until } from '../../testing/until';
import { BEGUN } from './attempt-records';
import { createJobStore, type JobRun, lostEnd } from './job-run';
import { launch } from './launch';
import { endLeft } from './processes';
import { createSpawner } from './spawner';

let dir: string;
const runs: JobRun[] = [];
const logger = silentLogger();
const leaseEndsAt = () => performance.now() + 3_600_000;
const spawner = createSpawner({ leaseEndsAt, user: undefined, logger });
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
  const store = createJobStore({ dir, spawner, user: undefined, logger });
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
    expect((await run.ended).end).toMatchObject({ outcome: 'cancelled', signal: 'SIGKILL' });
    await until(() => !pids.some(isAlive), 'nothing of it is left');
  });

  it('is over although something that left its group holds the output open', async () => {
    const { run } = start('sh', '-c', 'setsid sleep 300 & echo $!');
    const { end } = await run.ended;
    expect(end).toMatchObject({ outcome: 'succeeded' });
    process.kill(Number(end.outputTail), 'SIGKILL');
  });

  it('may write 200 MB: little of it is kept, in memory and on disk', async () => {
    const before = process.memoryUsage().rss;
    let most = 0;
    const watch = setInterval(() => {
      most = Math.max(most, process.memoryUsage().rss - before);
    }, 20);
    const { run, of, store } = start('head', '-c', '200000000', '/dev/zero');
    const { end } = await run.ended;
    clearInterval(watch);
    expect(end).toMatchObject({ outcome: 'succeeded', outputBytes: 200_000_000 });
    expect(most).toBeLessThan(100e6);
    const bytes = readdirSync(dir).reduce((sum, name) => sum + statSync(join(dir, name)).size, 0);
    expect(bytes).toBeLessThan(1.5e6);
    expect(store.output(of, 199_999_999)).toMatchObject({ offset: 199_999_999, total: 200_000_000, ended: true });
  }, 120_000);

  it('that was begun by a runner that is gone is ended, and never begun again', async () => {
    const { of, run } = start('sleep', '300');
    await run.begun;
    const pid = run.pid ?? 0;
    expect(isAlive(pid)).toBe(true);
    const next = createJobStore({ dir, spawner, user: undefined, logger });
    expect(next.recover(of)?.end).toMatchObject({ outcome: 'lost', error: 'the runner was restarted while it ran' });
    await run.ended;
    expect(isAlive(pid)).toBe(false);
    expect(next.recover({ ...of, attempt: 2 })).toBeUndefined();
  });

  it.each([
    ['', ''],
    [', though the note of its number is cut', 'NAME {"pid"'],
    [', though the note of its number is damaged', 'NAME {"pid"\n'],
  ])(
    'that was started a moment before its runner was killed is found by its mark, with what left its session%s',
    async (_, note) => {
      const of = { id: uuidv7(), attempt: 1 };
      const name = `${of.id}.1`;
      const script = 'setsid sleep 300 & echo $!; exec sleep 300';
      const stdio: StdioOptions = ['ignore', 'pipe', 'ignore'];
      const child = launch(
        { command: 'sh', args: ['-c', script], env: {} },
        { cwd: dir, instance: name, user: undefined, stdio },
      );
      onTestFinished(() => endLeft(name, undefined));
      const [line] = await once(child.stdout as Readable, 'data');
      const pids = [child.pid ?? 0, Number(line)];
      expect(pids.map(isAlive)).toEqual([true, true]);
      // Nobody had time to write down its number.
      writeFileSync(join(dir, 'attempts.log'), `${name} ${JSON.stringify(BEGUN)}\n${note.replace('NAME', name)}`);
      const next = createJobStore({ dir, spawner, user: undefined, logger });
      await until(() => !pids.some(isAlive), 'nothing of it is left');
      expect(next.recover(of)?.end).toMatchObject({ outcome: 'lost' });
    },
  );

  it('has an empty directory of its own, which goes with it', async () => {
    const { run } = start('sh', '-c', 'pwd; ls -A; touch left; exec sleep 300');
    await run.begun;
    const [name = ''] = readdirSync(join(dir, 'work'));
    const work = join(dir, 'work', name);
    await until(() => existsSync(join(work, 'left')), 'it works there');
    run.stop('cancelled');
    expect((await run.ended).end.outputTail).toBe(`${work}\n`);
    await until(() => !existsSync(work), 'the directory is gone');
  });

  it('is kept for its output by when it ended, and as long as somebody needs it', async () => {
    const go = join(dir, 'go');
    const { of, store, run } = start('sh', '-c', `echo hello; while [ ! -e ${go} ]; do sleep 0.05; done`);
    const others = Array.from({ length: 400 }, () => ({ id: uuidv7(), attempt: 1 }));
    for (const other of others) store.note(other, lostEnd('gone'));
    writeFileSync(go, '');
    await run.ended;
    const needed = others[0] ?? of;
    store.prune((name) => name === `${needed.id}.1`);
    const known = (one: typeof of) => store.recover(one) !== undefined;
    expect([known(of), known(needed), others.filter(known).length]).toEqual([true, true, 300]);
    expect(store.output(of, 0)).toMatchObject({ total: 6 });
  });
});
