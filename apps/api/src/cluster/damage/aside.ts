import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';

/** Damaged files that are kept for whoever wants to look into them. */
const KEPT = 2;
const damagedDirOf = (dataDir: string): string => join(dataDir, 'damaged');

/** Moves what exists of `paths` into a folder of its own below `damaged/`; the oldest ones go. Gives the folder. */
export function moveAside(dataDir: string, paths: readonly string[], nowMs: number): string {
  const parent = damagedDirOf(dataDir);
  const folder = join(parent, new Date(nowMs).toISOString().replace(/[:.]/g, '-'));
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (const path of paths) if (existsSync(path)) renameSync(path, join(folder, basename(path)));
  for (const old of readdirSync(parent).sort().slice(0, -KEPT))
    rmSync(join(parent, old), { recursive: true, force: true });
  return folder;
}
