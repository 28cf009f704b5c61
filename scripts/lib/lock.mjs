import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { StepFailed, say } from './run.mjs';

const POLL_MS = 500;

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** The pid that holds the lock, or undefined when it was released in between. */
function holderOf(path) {
  try {
    return Number(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

/** Removes the lock of a dead holder. Renaming first lets only one of several waiters do so. */
function breakLock(path, deadHolder, aside) {
  try {
    renameSync(path, aside);
  } catch {
    return; // another waiter was faster
  }
  // Between the look and the rename another waiter may have broken the lock and taken it: give it back.
  if (holderOf(aside) !== deadHolder) linkSync(aside, path);
  rmSync(aside, { force: true });
}

/**
 * Runs `work` while holding a lock that only one process has; waits for a live holder and takes over from a dead one.
 * The lock file appears with its content (a hard link), so nobody ever reads a half-written pid.
 * @throws StepFailed after `timeoutMs`
 */
export async function withLock(folder, name, work, { timeoutMs = 20 * 60_000 } = {}) {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${name}.lock`);
  const mine = join(folder, `${name}.${process.pid}`);
  const deadline = Date.now() + timeoutMs;
  let told = false;
  writeFileSync(mine, String(process.pid));
  try {
    for (;;) {
      try {
        linkSync(mine, path);
        break;
      } catch (error) {
        if (error.code !== 'EEXIST') throw error;
      }
      const holder = holderOf(path);
      if (holder !== undefined && !isAlive(holder)) {
        breakLock(path, holder, `${mine}.stale`);
        continue;
      }
      if (!told && holder !== undefined) say(`waiting for another set-up (process ${holder}) to finish …`);
      told ||= holder !== undefined;
      if (Date.now() > deadline) {
        throw new StepFailed(
          `Another set-up (process ${holder}) has held ${path} for ${timeoutMs / 60_000} minutes.`,
          'End that process, or delete the file if it is not a set-up, and try again.',
        );
      }
      await sleep(POLL_MS);
    }
  } finally {
    rmSync(mine, { force: true });
  }
  try {
    return await work();
  } finally {
    rmSync(path, { force: true });
  }
}
