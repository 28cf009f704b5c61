import { chownSync, lstatSync, mkdtempSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ProgramUser } from '../../lib/program-user';
import { workedIn } from './processes';
import type { WorkDirectories } from './work-directory';

/** Directories that programs work in, each one's own. */
export interface WorkPool {
  /** An empty one. @throws Error of the system */
  take(): string;
  /** Its program is over. */
  release(path: string): void;
}

const MAX_IDLE = 64;
const MODE = 0o700;
/** One look at all processes is for what was released within this time. */
const LOOK_MS = 100;

/**
 * What was left as it was found, and where no process works any more, serves the next one; anything else is removed. To make
 * and remove a directory waits for the disk that the log is synced to, and costs more than a short job.
 */
export function createWorkPool(options: {
  /** Only this process's user writes to it. */
  readonly root: string;
  /** Whom they belong to; undefined = this process. */
  readonly user: ProgramUser | undefined;
  readonly works: WorkDirectories;
}): WorkPool {
  const { root, user, works } = options;
  const idle: string[] = [];
  let released: string[] = [];

  function make(): string {
    // Mode 0700.
    const path = mkdtempSync(join(root, 'job-'));
    if (user) chownSync(path, user.uid, user.gid);
    return path;
  }

  function isUntouched(path: string): boolean {
    try {
      const { mode, uid } = lstatSync(path);
      return (mode & 0o7777) === MODE && uid === (user?.uid ?? process.getuid?.()) && readdirSync(path).length === 0;
    } catch {
      return false;
    }
  }

  function look(): void {
    const inUse = workedIn();
    for (const path of released) {
      if (idle.length < MAX_IDLE && !inUse.has(path) && isUntouched(path)) idle.push(path);
      // Not waited for: there may be much in it.
      else void works.remove(path);
    }
    released = [];
  }

  return {
    take: () => idle.pop() ?? make(),
    release(path) {
      // What is in it is removed at once.
      if (!isUntouched(path)) return void works.remove(path);
      if (released.push(path) === 1) setTimeout(look, LOOK_MS).unref();
    },
  };
}
