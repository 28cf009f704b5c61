import { chmodSync, closeSync, fsyncSync, openSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { makeDirectory } from '../../lib/directory';

/** Creates a folder that only its owner may enter, or makes it so. */
export function ensurePrivateDir(path: string): void {
  makeDirectory(path, 0o700);
  chmodSync(path, 0o700);
}

/** Replaces a file so that after a crash the old or the new text is there in full, on disk and mode 0600. */
export function writeFileAtomic(path: string, text: string): void {
  const temporary = `${path}.tmp`;
  const file = openSync(temporary, 'w', 0o600);
  try {
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  chmodSync(temporary, 0o600);
  renameSync(temporary, path);
  syncDir(dirname(path));
}

function syncDir(path: string): void {
  const dir = openSync(path, 'r');
  try {
    fsyncSync(dir);
  } finally {
    closeSync(dir);
  }
}
