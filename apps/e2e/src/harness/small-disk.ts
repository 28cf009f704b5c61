import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Workspace } from './workspace';

/** A disk of a few megabytes, in memory. */
export interface SmallDisk {
  /** Takes all space but `leftBytes`. */
  fill(leftBytes?: number): void;
  /** Gives it back. */
  free(): void;
}

const MB = 1024 * 1024;
const mount = (path: string, megabytes: number): string[] => ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'none', path];

/** Why no disk can be mounted here, and the cure; undefined when one can. */
export function smallDiskObstacle(): string | undefined {
  const probe = mkdtempSync(join(tmpdir(), 'quorate-disk-'));
  const { status, stderr, error } = spawnSync('mount', mount(probe, 1), { encoding: 'utf8' });
  if (status === 0) spawnSync('umount', ['-l', probe]);
  rmSync(probe, { recursive: true, force: true });
  if (status === 0) return undefined;
  return `a full disk needs root and CAP_SYS_ADMIN, to mount a small one (${(error?.message ?? stderr).trim()})`;
}

/** Mounts one at `path`, until the workspace is closed. */
export function mountSmallDisk(workspace: Workspace, path: string, megabytes: number): SmallDisk {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  execFileSync('mount', mount(path, megabytes));
  workspace.defer(() => void spawnSync('umount', ['-l', path]));
  const filler = join(path, 'filler');
  return {
    fill(leftBytes = 0) {
      const { bavail, bsize } = statfsSync(path);
      let left = bavail * bsize - leftBytes;
      for (let size = MB; left > 0 && size >= bsize; ) {
        const bytes = Math.min(size, left);
        try {
          writeFileSync(filler, Buffer.alloc(bytes), { flag: 'a' });
          left -= bytes;
        } catch (error) {
          // Others write at the same time.
          if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
          size /= 2;
        }
      }
    },
    free: () => rmSync(filler, { force: true }),
  };
}
