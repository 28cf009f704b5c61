import { chownSync, lstatSync, mkdtempSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ProgramUser } from '../../lib/program-user';
import type { WorkDirectories } from './work-directory';

/** Directories that programs work in, each one's own while it runs. */
export interface WorkPool {
  /** An empty one. @throws Error of the system */
  take(): string;
  /** Its program is over. */
  release(path: string): void;
}

const MAX_IDLE = 64;
const MODE = 0o700;

/**
 * What was left as it was found serves the next one, anything else is removed: to make and remove a directory waits for the
 * disk that the log is synced to, and costs more than a short job.
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

  function takeIdle(): string | undefined {
    for (let path = idle.pop(); path !== undefined; path = idle.pop()) {
      if (isUntouched(path)) return path;
      void works.remove(path);
    }
    return undefined;
  }

  return {
    take: () => takeIdle() ?? make(),
    release(path) {
      if (idle.length < MAX_IDLE && isUntouched(path)) idle.push(path);
      // Not waited for: there may be much in it.
      else void works.remove(path);
    },
  };
}
