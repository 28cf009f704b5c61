import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A disk of 1 MiB of its own, to be filled. */
export interface SmallDisk {
  readonly dir: string;
  /** There while it is full. */
  readonly filler: string;
  /** Until nothing fits on it any more. */
  fill(): void;
  free(): void;
  remove(): void;
}

/** @returns undefined where this process may not mount, and says so */
export function mountSmallDisk(): SmallDisk | undefined {
  const dir = mkdtempSync(join(tmpdir(), 'quorate-full-disk-'));
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'none', dir]).status !== 0) {
    process.stdout.write('    SKIPPED, a full disk: it needs root and CAP_SYS_ADMIN, to mount a small one\n');
    rmSync(dir, { recursive: true });
    return undefined;
  }
  const filler = join(dir, 'filler');
  return {
    ...{ dir, filler },
    fill() {
      for (const bytes of [64 * 1024, 4096]) {
        try {
          for (;;) writeFileSync(filler, Buffer.alloc(bytes), { flag: 'a' });
        } catch {
          // Full, to that size.
        }
      }
    },
    free: () => rmSync(filler, { force: true }),
    remove() {
      spawnSync('umount', ['-l', dir]);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
