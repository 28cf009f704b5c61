import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** Whom programs run as. */
export interface ProgramUser {
  readonly uid: number;
  readonly gid: number;
}

/** `message` is ready to print and names the cure. */
export class UserError extends Error {
  override readonly name = 'UserError';
}

/** `NAME` or `NAME:GROUP`; numbers, too. */
export const USER_PATTERN = /^([A-Za-z0-9_][A-Za-z0-9_.-]*)(?::([A-Za-z0-9_][A-Za-z0-9_.-]*))?$/;

const run = promisify(execFile);

/** User and primary group of a name, as this host knows them. @throws Error when it does not */
export async function userIds(name: string): Promise<ProgramUser> {
  const id = async (flag: string): Promise<number> => Number((await run('id', [flag, name])).stdout);
  return { uid: await id('-u'), gid: await id('-g') };
}

/**
 * Whom `NAME[:GROUP]` means here. Undefined: nobody else than who runs this process.
 *
 * @param option what to call it in errors
 * @throws UserError when there is no such user or group, and when this process may not become another
 */
export async function programUser(text: string, option: string): Promise<ProgramUser | undefined> {
  if (text === '') return undefined;
  const [, name = '', group] = USER_PATTERN.exec(text) ?? [];
  if (name === '') throw new UserError(`${option}: expected NAME or NAME:GROUP, got "${text}"`);
  const unknown = (what: string): never => {
    throw new UserError(`${option}: there is no ${what} on this host; create it, or name another`);
  };
  const known = await userIds(name).catch(() => unknown(`user ${name}`));
  const gid = group === undefined ? known.gid : await groupId(group).catch(() => unknown(`group ${group}`));
  if (process.getuid?.() === 0) return { uid: known.uid, gid };
  if (process.getuid?.() === known.uid && process.getgid?.() === gid) return undefined;
  throw new UserError(`${option}: only root can run programs as ${text}; run quorated as root, or leave ${option} out`);
}

const groupId = async (name: string): Promise<number> => {
  const [, , gid] = (await run('getent', ['group', name])).stdout.split(':');
  return Number(gid);
};
