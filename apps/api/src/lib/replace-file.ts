import { renameSync, writeFileSync } from 'node:fs';

/** Replaces a file (mode 0600), which is whole after a kill -9. Not synced: for what need not survive a power cut. */
export function replaceFile(path: string, text: string): void {
  writeFileSync(`${path}.new`, text, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}
