import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DAEMON, endProcess, startDaemon } from '../daemon';
import { type Figure, median, note, secondsOf, Unmeasurable } from '../figure';
import { withDirectory } from '../workload';
import { post, signIn } from './http';

const REPLICAS = 20;
const ROUNDS = 3;
const GIVE_UP_MS = 30_000;

const SERVER = "require('node:http').createServer((_, answer) => answer.end()).listen(process.env.PORT)";
const spec = {
  ...{ command: process.execPath, args: ['-e', SERVER], ports: ['http'], stop_grace_seconds: 1 },
  health: { type: 'http', port: 'http', interval_seconds: 1 },
};

interface Counts {
  readonly healthy: number;
}
interface RunnerView {
  readonly status: string;
  readonly replicas: number;
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + GIVE_UP_MS;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Unmeasurable(`waited in vain until ${what}`);
    await sleep(20);
  }
}

/** From one to twenty, on a runner of its own with room for all of them; down again between the rounds. */
async function measureOn(url: string, headers: Record<string, string>): Promise<number> {
  const look = async <T>(path: string): Promise<T> => (await (await fetch(url + path, { headers })).json()) as T;
  const healthy = async () => (await look<{ replicas: Counts }>('/v1/services/web')).replicas.healthy;
  const runners = async () => (await look<{ items: RunnerView[] }>('/v1/runners')).items;
  const has = (replicas: number) => async () => (await runners()).every((one) => one.replicas === replicas);
  const scale = (replicas: number) => post(url, '/v1/services/web/scale', { replicas }, { method: 'PUT', headers });

  await until('the runner is online', async () => (await runners()).some(({ status }) => status === 'online'));
  try {
    await post(url, '/v1/services', { name: 'web', spec, replicas: 1 }, { headers });
    await until('the first replica is healthy', async () => (await healthy()) === 1);
    const times: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const grow = async () => {
        await scale(REPLICAS);
        await until('all replicas are healthy', async () => (await healthy()) === REPLICAS);
      };
      times.push(await secondsOf(grow));
      note(`  round ${round + 1}: ${times.at(-1)?.toPrecision(3)} s`);
      await scale(1);
      await until('all but one have ended', has(1));
    }
    return median(times);
  } finally {
    await fetch(`${url}/v1/services/web`, { method: 'DELETE', headers });
    await until('nothing of it is left', has(0));
  }
}

export const scaleOut: Figure = {
  name: 'service from 1 to 20',
  unit: 's',
  bound: { at: 'most', value: 3 },
  why: 'from PUT …/scale until 20 Node.js servers answer their HTTP health checks, on one runner of capacity 20; median of 3',
  measure: () =>
    withDirectory(async (directory) => {
      const daemon = await startDaemon(join(directory, 'node'), { 'workers.enabled': 'false' });
      try {
        const headers = await signIn(daemon.url);
        const { join_string: token } = await post(daemon.url, '/v1/nodes/join-tokens', { kind: 'runner' }, { headers });
        const options = ['--data-dir', join(directory, 'runner'), '--name', 'bench', '--capacity', String(REPLICAS)];
        const runner = spawn(DAEMON, ['runner', String(token), ...options], {
          stdio: process.env['QUORATE_BENCH_VERBOSE'] ? ['ignore', 2, 2] : 'ignore',
        });
        try {
          return await measureOn(daemon.url, headers);
        } finally {
          await endProcess(runner);
        }
      } finally {
        await daemon.stop();
      }
    }),
};
