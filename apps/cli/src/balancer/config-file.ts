import { randomBytes } from 'node:crypto';
import { chown, open, readdir, readFile, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { CliError } from '../cli-error';

/** A text that is whole on disk, beside the file that it will replace. */
export interface PreparedFile {
  readonly path: string;
  /** Puts it in the place of the file, in one step. */
  commit(): Promise<void>;
  discard(): Promise<void>;
}

const LEFT_BEHIND_MS = 60_000;

const codeOf = (cause: unknown): string => (cause as NodeJS.ErrnoException).code ?? String(cause);

/** The file itself when `path` is a link to it: replacing the link would leave the file as it is. */
async function targetOf(path: string): Promise<string> {
  return realpath(path).catch(() => path);
}

/** The text of a file; undefined when there is none. @throws CliError */
export async function readIfThere(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch((cause: unknown) => {
    if (codeOf(cause) === 'ENOENT') return undefined;
    throw new CliError('error', `cannot read ${path}: ${codeOf(cause)}`);
  });
}

/**
 * Writes a text beside `path` and onto the disk, with the permissions and the owner of the file that it will replace.
 * A process that is killed at any moment leaves `path` whole: the old text or the new one.
 * @throws CliError
 */
export async function prepareFile(path: string, text: string): Promise<PreparedFile> {
  const target = await targetOf(path);
  const temporary = `${target}.${randomBytes(6).toString('hex')}`;
  const discard = (): Promise<void> => rm(temporary, { force: true });
  const guarded = async (act: () => Promise<void>): Promise<void> => {
    await act().catch(async (cause: unknown) => {
      await discard();
      throw new CliError('error', `cannot write ${path}: ${codeOf(cause)}`);
    });
  };
  await guarded(async () => {
    const old = await stat(target).catch(() => undefined);
    const file = await open(temporary, 'wx', (old?.mode ?? 0o644) & 0o777);
    try {
      // The mask of the process must not take away what the old file allowed.
      if (old) await file.chmod(old.mode & 0o777);
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    // Only root can give files away; anybody else's file is their own before and after.
    if (old && process.getuid?.() === 0) await chown(temporary, old.uid, old.gid);
  });
  return {
    path: temporary,
    discard,
    commit: () =>
      guarded(async () => {
        await rename(temporary, target);
        const folder = await open(dirname(target), 'r');
        await folder.sync().finally(() => folder.close());
      }),
  };
}

/** Replaces a file in one step, durably. @throws CliError */
export async function installText(path: string, text: string): Promise<void> {
  await (await prepareFile(path, text)).commit();
}

/** Removes what a killed process left beside `path`. */
export async function removeLeftovers(path: string): Promise<void> {
  const target = await targetOf(path);
  const folder = dirname(target);
  for (const name of await readdir(folder).catch(() => [])) {
    const suffix = name.startsWith(`${basename(target)}.`) ? name.slice(basename(target).length + 1) : '';
    if (!/^(last-good\.)?[0-9a-f]{12}$/.test(suffix)) continue;
    const found = await stat(join(folder, name)).catch(() => undefined);
    if (found && Date.now() - found.mtimeMs > LEFT_BEHIND_MS) await rm(join(folder, name), { force: true });
  }
}
