import { randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rename, rm, stat, writeFile } from 'node:fs/promises';
import type { Duplex, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
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

/**
 * Writes a stream beside `path` first, so that what stands there is whole. Only its owner can read it.
 * @throws CliError naming the file and why
 */
export async function saveStream(path: string, body: Readable, ...through: Duplex[]): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    await pipeline([body, ...through, createWriteStream(temporary, { mode: 0o600, flags: 'wx' })]);
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true });
    if (cause instanceof CliError) throw cause;
    const why = (cause as NodeJS.ErrnoException).code ?? (cause as Error).message;
    throw new CliError('error', `cannot write ${path}: ${why}`);
  }
}
