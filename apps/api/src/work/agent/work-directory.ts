import { randomUUID } from 'node:crypto';
import { lstatSync, rmdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { Logger } from '../../lib/logger';
import type { ProgramUser } from '../../lib/program-user';
import { createGate } from './replicas/gate';
import type { Spawner } from './spawner';

/** Removes what programs worked in. */
export interface WorkDirectories {
  /** With all that is in it. Never throws: what cannot be removed is left, and said. */
  remove(path: string): Promise<void>;
}

const AT_ONCE = 4;
const REMOVE_MS = 60_000;
const SHOWN_BYTES = 500;
/** Read-only directories, as caches of modules are, take their owner's permission first. */
const EMPTY = 'find . -mindepth 1 -delete 2>/dev/null || { chmod -R u+rwx . 2>/dev/null; find . -mindepth 1 -delete; }';

/**
 * Where programs run as another user, what they leave is removed as that user, too: one that got away may put a symbolic link
 * in the place of a directory while it is walked through, and whoever follows that link must have no more rights than it has.
 * `path` itself must stand in a directory that only this process's user writes to.
 */
export function createWorkDirectories(options: {
  readonly spawner: Spawner;
  readonly user: ProgramUser | undefined;
  readonly logger: Logger;
}): WorkDirectories {
  const { spawner, user, logger } = options;
  const gate = createGate(AT_ONCE);

  async function emptyAsUser(path: string): Promise<void> {
    let output = '';
    const program = spawner.start(
      { command: 'sh', args: ['-c', EMPTY], env: { LC_ALL: 'C' } },
      {
        ...{ kind: 'check', cwd: path, instance: randomUUID() },
        onOutput: (chunk) => {
          output = (output + chunk.toString('utf8')).slice(-SHOWN_BYTES);
        },
      },
    );
    const late = setTimeout(() => program.end(0), REMOVE_MS);
    const { exitCode, error } = await program.ended.finally(() => clearTimeout(late));
    if (exitCode !== 0) throw new Error(error || output.trim() || 'it took too long');
  }

  async function removeNow(path: string): Promise<void> {
    // Most leave nothing.
    if (isGone(path)) return;
    const isOwn = lstatSync(path).uid === process.getuid?.();
    if (!user || isOwn) return rm(path, { recursive: true, force: true });
    await emptyAsUser(path);
    rmdirSync(path);
  }

  return {
    async remove(path) {
      const leave = await gate.enter();
      try {
        await removeNow(path);
      } catch (error) {
        logger.warn({ err: error, path }, 'what a program left in its working directory cannot be removed');
      } finally {
        leave();
      }
    },
  };
}

/** Removes it if it is empty. @returns whether it is not there now @throws Error of the system, where that is not why */
function isGone(path: string): boolean {
  try {
    rmdirSync(path);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return true;
    if (code === 'ENOTEMPTY' || code === 'EEXIST') return false;
    throw error;
  }
}
