import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { chownSync, mkdirSync } from 'node:fs';
import type { ProgramUser } from '../../lib/program-user';
import { MARK } from './processes';

export interface ProgramSpec {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** How a program ended; null: nobody knows, since another process had started it. */
export interface ProgramEnd {
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** Why it could not be started; empty when it was. */
  readonly error: string;
}

/** What a program gets beside what was asked for: a path, and the mark by which it is found again. */
export const environmentOf = (env: ProgramSpec['env'], instance: string): Record<string, string> => ({
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  ...env,
  [MARK]: instance,
});

/** What is made by a program that runs as another user is nobody else's business. */
export const USER_UMASK = 0o027;

/** Makes the directory that a program is to work in, its own. */
export function makeWorkDirectory(path: string, user: ProgramUser | undefined): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  if (user) chownSync(path, user.uid, user.gid);
}

/**
 * Starts a program: without a shell, in a session of its own, with nothing in its environment but what is given. As another
 * user it has no supplementary groups (libuv drops them), and enters `cwd` before it becomes that user.
 *
 * @throws Error of the system; others come as the event `error`
 */
export function launch(
  spec: ProgramSpec,
  options: { cwd: string; instance: string; user: ProgramUser | undefined; stdio: StdioOptions },
): ChildProcess {
  const { cwd, instance, user, stdio } = options;
  const env = environmentOf(spec.env, instance);
  // The child takes the mask along when it is forked, which is before this returns.
  const before = user && process.umask(USER_UMASK);
  try {
    return spawn(spec.command, spec.args, { cwd, env, ...user, stdio, detached: true });
  } finally {
    if (before !== undefined) process.umask(before);
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such program on the runner',
  EACCES: 'the runner may not execute it',
  E2BIG: 'its arguments and variables are too long for the system',
};

/** How a program ended that the system did not start. */
export function neverRan(command: string, error: unknown): ProgramEnd {
  const { code = '', message } = error as NodeJS.ErrnoException;
  return { exitCode: null, signal: null, error: `${command} cannot be started: ${REASONS[code] ?? message}` };
}
