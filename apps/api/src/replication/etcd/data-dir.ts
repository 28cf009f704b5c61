import { existsSync } from 'node:fs';
import { mkdir, open, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { delay } from '../../lib/async';
import type { Logger } from '../../lib/logger';

const TERM_MS = 3000;
const KILL_MS = 2000;

/** Beside the data directory, not in it: etcd warns of foreign files there. */
const pidFile = (dataDir: string): string => `${dataDir}.pid`;
const startingFile = (dataDir: string): string => `${dataDir}.starting`;

/**
 * Prepares a data directory for a start. An etcd killed in its first instants leaves a journal that doesn't name its
 * own member: the next start then waits for a leader for ever (seen with 3.4.23). A cluster of one that was never
 * ready holds nothing that anyone was promised, so it is made anew. The mark is set only where there was no data.
 * @param alone the only member of a new cluster; any other member is healed by its leader
 */
export async function prepareDataDir(dataDir: string, alone: boolean, log: Logger): Promise<void> {
  const mark = startingFile(dataDir);
  if (alone && existsSync(mark)) {
    log.warn({ dataDir }, 'the first start of etcd was interrupted: starting it anew');
    await rm(dataDir, { recursive: true, force: true });
  }
  const fresh = !existsSync(dataDir);
  if (fresh && alone) await writeFile(mark, '', { mode: 0o600 });
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  if (fresh) await syncParent(dataDir);
}

/** The first start succeeded: from here on the data counts. Durable when it resolves. */
export async function finishFirstStart(dataDir: string): Promise<void> {
  if (!existsSync(startingFile(dataDir))) return;
  await rm(startingFile(dataDir), { force: true });
  await syncParent(dataDir);
}

async function syncParent(dataDir: string): Promise<void> {
  const folder = await open(dirname(dataDir), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

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
