import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The checkout, wherever in it this runs: as a source or bundled into another program. */
function rootFolder(from: string): string {
  if (existsSync(join(from, 'turbo.json'))) return from;
  const parent = dirname(from);
  if (parent === from) throw new Error(`${import.meta.dirname} is not inside a checkout of Quorate`);
  return rootFolder(parent);
}

export const ROOT = rootFolder(import.meta.dirname);

/** The daemon under test; QUORATED names another build of it. */
export const DAEMON = process.env['QUORATED'] ?? join(ROOT, 'apps/api/dist/quorated.js');

/** The end of a log, for messages. */
export function tailOf(file: string, lines: number): string {
  try {
    return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
  } catch {
    return '(no log)';
  }
}
