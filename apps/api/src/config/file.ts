import { chownSync, existsSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { makeDirectory } from '../lib/directory';
import { editConfig } from './edit';
import { renderInitConfig } from './render';

/** Join tokens may stand in it: readable by its owner and group only. */
const MODE = 0o640;

function writeAtomically(path: string, text: string, mode: number): void {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    writeFileSync(temporary, text, { mode, flag: 'wx', flush: true });
    // Written by root, it must stay readable to the group that runs the daemon.
    const before = statSync(path, { throwIfNoEntry: false });
    if (before && process.getuid?.() === 0) chownSync(temporary, before.uid, before.gid);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/**
 * `quorated init-config`: writes a commented file with every key and its default.
 * @throws Error when the file exists and `force` is not given, or it cannot be written
 */
export function writeInitConfig(path: string, options: { force: boolean }): void {
  if (!options.force && existsSync(path)) {
    throw new Error(`${path} exists; give --force to replace it, or another file name`);
  }
  makeDirectory(dirname(path));
  writeAtomically(path, renderInitConfig(), MODE);
}

/**
 * Sets keys in a configuration file, which is made when it is absent; comments, the file's mode and owner stay.
 * @throws ConfigError when the file is not a configuration or a key does not exist (the file is left as it was)
 */
export function updateConfigFile(path: string, changes: Readonly<Record<string, unknown>>): void {
  const present = existsSync(path);
  const text = editConfig(present ? readFileSync(path, 'utf8') : '', changes, path);
  makeDirectory(dirname(path));
  writeAtomically(path, text, present ? statSync(path).mode & 0o777 : MODE);
}
