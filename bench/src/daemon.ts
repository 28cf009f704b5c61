import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePorts } from '@quorate/api/src/testing/etcd';
import { Unmeasurable } from './figure';

export const DAEMON = join(import.meta.dirname, '../../apps/api/dist/quorated.js');
const GIVE_UP_MS = 30_000;

/** Ends a child, politely first. */
export async function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const cut = setTimeout(() => child.kill('SIGKILL'), 5_000);
  await exited;
  clearTimeout(cut);
}

const isReady = (url: string): Promise<boolean> =>
  fetch(`${url}/readyz`, { signal: AbortSignal.timeout(1_000) }).then(
    (answer) => answer.status === 200,
    () => false,
  );

export interface Daemon {
  readonly url: string;
  readonly secondsToReady: number;
  stop(): Promise<void>;
}

/** One node as it is built and shipped, on free loopback ports. @throws Unmeasurable */
export async function startDaemon(dataDir: string, more: Readonly<Record<string, string>> = {}): Promise<Daemon> {
  if (!existsSync(DAEMON)) throw new Unmeasurable('the daemon is not built: run npm run build');
  const [port, cluster, peer, client] = await freePorts(4);
  const url = `http://127.0.0.1:${port}`;
  const settings = {
    'api.address': `127.0.0.1:${port}`,
    'cluster.address': `127.0.0.1:${cluster}`,
    'raft.peer_address': `127.0.0.1:${peer}`,
    'raft.client_address': `127.0.0.1:${client}`,
    'log.level': 'warn',
    ...more,
  };
  const sets = Object.entries(settings).flatMap(([key, value]) => ['--set', `${key}=${value}`]);
  const startedAt = performance.now();
  const child = spawn(DAEMON, ['serve', '--data-dir', dataDir, ...sets], { stdio: 'ignore' });
  try {
    while (!(await isReady(url))) {
      if (child.exitCode !== null) throw new Unmeasurable(`the daemon ended with status ${child.exitCode}`);
      if (performance.now() - startedAt > GIVE_UP_MS) throw new Unmeasurable('the daemon did not become ready');
      await sleep(5);
    }
  } catch (error) {
    await endProcess(child);
    throw error;
  }
  return { url, secondsToReady: (performance.now() - startedAt) / 1000, stop: () => endProcess(child) };
}
