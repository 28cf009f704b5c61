import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));

/** The daemon under test; QUORATED names another build of it. */
export const DAEMON = process.env['QUORATED'] ?? `${ROOT}apps/api/dist/quorated.js`;

/** The end of a log, for messages. */
export function tailOf(file: string, lines: number): string {
  try {
    return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
  } catch {
    return '(no log)';
  }
}
