import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Logger } from '../../lib/logger';

/** The only variable that a program gets beside those that were asked for. */
export const PROGRAM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Output that was written before the end is read within this time. */
const OUTPUT_AFTER_EXIT_MS = 2_000;

export interface ProgramSpec {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly stdin?: string;
}

export interface ProgramEnd {
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** Why it could not be started; empty when it was. */
  readonly error: string;
}

/** A program and all its children: one process group. */
export interface ProcessGroup {
  readonly pid: number | undefined;
  readonly ended: Promise<ProgramEnd>;
  /** SIGTERM to all of it, and SIGKILL after `graceMs`. */
  end(graceMs: number): void;
}

export interface ProcessIdentity {
  readonly pid: number;
  /** Of the process, in clock ticks since boot: a pid alone may be another program's by now. */
  readonly startTime: string;
}

/** Linux only; undefined where there is no such process. */
export function identityOf(pid: number): ProcessIdentity | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in parentheses may hold anything; field 22 is the 20th behind it.
    const startTime = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
    return startTime === undefined ? undefined : { pid, startTime };
  } catch {
    return undefined;
  }
}

/** Ends a process group that an earlier run of this program left behind, if it is still the same. */
export function endLeftover({ pid, startTime }: ProcessIdentity): void {
  if (identityOf(pid)?.startTime === startTime) signalGroup(pid, 'SIGKILL');
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such program on the runner',
  EACCES: 'the runner may not execute it',
  E2BIG: 'its arguments and variables are too long for the system',
};

/** Starts a program: without a shell, in a group of its own, with a clean environment. Never throws: see `ended`. */
export function startProgram(
  spec: ProgramSpec,
  options: { cwd: string; onOutput: (chunk: Buffer) => void; logger: Logger },
): ProcessGroup {
  let child: ChildProcess;
  try {
    child = spawn(spec.command, spec.args, {
      cwd: options.cwd,
      env: { PATH: PROGRAM_PATH, ...spec.env },
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
  } catch (error) {
    return { pid: undefined, ended: Promise.resolve(notStarted(spec, error)), end: () => undefined };
  }
  child.stdout?.on('data', options.onOutput);
  child.stderr?.on('data', options.onOutput);
  // A program that does not read its input must not fail this one.
  child.stdin?.on('error', (error) => options.logger.debug({ err: error }, 'a program did not read its input'));
  child.stdin?.end(spec.stdin ?? '');
  const ended = new Promise<ProgramEnd>((resolve) => {
    child.once('error', (error) => resolve(notStarted(spec, error)));
    // Not "exit": the output is complete by then, too. A child that lives on would hold it open, so the group goes first.
    child.once('exit', () => {
      if (child.pid) signalGroup(child.pid, 'SIGKILL');
      // One that has left the group may hold the output open for ever: the program is over all the same.
      const cut = setTimeout(() => child.stdout?.destroy() && child.stderr?.destroy(), OUTPUT_AFTER_EXIT_MS);
      child.once('close', () => clearTimeout(cut));
    });
    child.once('close', (exitCode, signal) => resolve({ exitCode, signal, error: '' }));
  });
  return {
    pid: child.pid,
    ended,
    end(graceMs) {
      const { pid } = child;
      if (pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
      signalGroup(pid, 'SIGTERM');
      const cut = setTimeout(() => signalGroup(pid, 'SIGKILL'), graceMs);
      void ended.then(() => clearTimeout(cut));
    },
  };
}

const notStarted = (spec: ProgramSpec, error: unknown): ProgramEnd => ({
  ...{ exitCode: null, signal: null },
  error: whyNotStarted(spec.command, error),
});

/** What to tell of a program that the system did not start. */
export function whyNotStarted(command: string, error: unknown): string {
  const { code = '', message } = error as NodeJS.ErrnoException;
  return `${command} cannot be started: ${REASONS[code] ?? message}`;
}
