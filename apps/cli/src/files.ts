import { randomBytes } from 'node:crypto';
import { rename, rm, stat, writeFile } from 'node:fs/promises';
import { CliError } from './cli-error';

/** The permissions of the file that is replaced, or the usual ones for a new file. */
const modeOf = async (path: string): Promise<number> =>
  ((await stat(path).catch(() => undefined))?.mode ?? 0o644) & 0o777;

/**
 * Replaces a file in one step, so that a reader never sees half of it. Keeps its permissions unless `mode` is given.
 * @throws CliError naming the file and why
 */
export async function replaceFile(path: string, text: string, mode?: number): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    await writeFile(temporary, text, { mode: mode ?? (await modeOf(path)), flag: 'wx' });
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true });
    throw new CliError('error', `cannot write ${path}: ${(cause as NodeJS.ErrnoException).code}`);
  }
}
