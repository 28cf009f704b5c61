import { readFile, rm, writeFile } from 'node:fs/promises';
import { delay } from '../../lib/async';
import type { Logger } from '../../lib/logger';

const TERM_MS = 3000;
const KILL_MS = 2000;

/** Beside the data directory, not in it: etcd warns of foreign files there. */
const pidFile = (dataDir: string): string => `${dataDir}.pid`;

export async function writePid(dataDir: string, pid: number): Promise<void> {
  await writeFile(pidFile(dataDir), `${pid}\n`, { mode: 0o600 });
}

export async function removePid(dataDir: string): Promise<void> {
  await rm(pidFile(dataDir), { force: true });
}

/**
 * Ends an etcd that outlived its parent (kill -9, where the kernel's parent-death signal wasn't available). It is
 * ended only if its command line names our data directory: the pid may long be someone else's.
 * @throws Error it cannot be ended
 */
export async function endOrphan(dataDir: string, log: Logger): Promise<void> {
  const pid = Number(await readFile(pidFile(dataDir), 'utf8').catch(() => ''));
  if (!Number.isSafeInteger(pid) || pid <= 1 || !(await isOurs(pid, dataDir))) return;
  log.warn({ pid, dataDir }, 'an etcd of an earlier run is still alive: ending it');
  for (const [signal, boundMs] of [
    ['SIGTERM', TERM_MS],
    ['SIGKILL', KILL_MS],
  ] as const) {
    process.kill(pid, signal);
    const deadlineMs = performance.now() + boundMs;
    while (performance.now() < deadlineMs) {
      if (!(await isOurs(pid, dataDir))) return;
      await delay(50);
    }
  }
  throw new Error(`etcd process ${pid} holds ${dataDir} and does not end: kill it, then start again`);
}

async function isOurs(pid: number, dataDir: string): Promise<boolean> {
  const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return commandLine.split('\0').includes(`--data-dir=${dataDir}`);
}
