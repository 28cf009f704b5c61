import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePorts } from '@quorate/api/src/testing/etcd';
import { type Figure, median, Unmeasurable } from '../figure';
import { withDirectory } from '../workload';

const DAEMON = join(import.meta.dirname, '../../../apps/api/dist/quorated.js');
const GIVE_UP_MS = 30_000;

const isReady = (url: string): Promise<boolean> =>
  fetch(`${url}/readyz`, { signal: AbortSignal.timeout(1_000) }).then(
    (answer) => answer.status === 200,
    () => false,
  );

/** Seconds from the start of the process to its first ready answer. */
function start(): Promise<number> {
  return withDirectory(async (directory) => {
    const [port, cluster] = await freePorts(2);
    const url = `http://127.0.0.1:${port}`;
    const sets = ['--set', `api.address=127.0.0.1:${port}`, '--set', `cluster.address=127.0.0.1:${cluster}`];
    const startedAt = performance.now();
    const child = spawn(process.execPath, [DAEMON, 'serve', '--data-dir', directory, ...sets], { stdio: 'ignore' });
    const exited = once(child, 'exit');
    try {
      while (!(await isReady(url))) {
        if (child.exitCode !== null) throw new Unmeasurable(`the daemon ended with status ${child.exitCode}`);
        if (performance.now() - startedAt > GIVE_UP_MS) throw new Unmeasurable('the daemon did not become ready');
        await sleep(10);
      }
      return (performance.now() - startedAt) / 1000;
    } finally {
      child.kill('SIGTERM');
      const cut = setTimeout(() => child.kill('SIGKILL'), 5_000);
      await exited;
      clearTimeout(cut);
    }
  });
}

export const ready: Figure = {
  name: 'ready after start',
  unit: 's',
  bound: { at: 'most', value: 1.5 },
  why: 'from starting the daemon on an empty data directory until /readyz answers 200; median of 5',
  async measure() {
    if (!existsSync(DAEMON)) throw new Unmeasurable('the daemon is not built: run npm run build');
    const times: number[] = [];
    for (let n = 0; n < 5; n += 1) times.push(await start());
    return median(times);
  },
};
