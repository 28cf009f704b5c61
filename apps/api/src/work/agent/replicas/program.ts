import { type ChildProcess, spawn } from 'node:child_process';
import {
  chownSync,
  closeSync,
  fchownSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
} from 'node:fs';
import type { ServiceSpec } from '@quorate/shared/services';
import { deferred, delay } from '../../../lib/async';
import { PROGRAM_PATH, whyNotStarted } from '../process-group';
import type { StoredIdentity } from './record';

/** The variable by which a program and all that it starts are known to belong to one start of a replica. */
const MARK = 'QUORATE_INSTANCE';

/** How a program ended; null: nobody knows, since another process had started it. */
export interface ProgramEnd {
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** Why it could not be started; empty when it was. */
  readonly error: string;
}

/** A program that goes on when this process ends, and that a later process takes over. */
export interface Program {
  readonly identity: StoredIdentity;
  /** Of the program itself; what it left behind is ended by `end`. */
  readonly ended: Promise<ProgramEnd>;
  readonly running: boolean;
  /** Looks whether it is still there: the end of a program that was taken over is told by nobody. */
  check(): void;
  /**
   * SIGTERM to all of it, SIGKILL after `graceMs`; resolves when no process of it is left. `onStuck` is called when it takes
   * longer although it was killed. Returns early once `signal` is aborted.
   */
  end(graceMs: number, signal: AbortSignal, onStuck: () => void): Promise<void>;
}

export interface StartOptions {
  readonly spec: Pick<ServiceSpec, 'command' | 'args'>;
  readonly env: Readonly<Record<string, string>>;
  readonly instance: string;
  readonly bootId: string;
  readonly cwd: string;
  /** A file that is appended to: it outlives this process, a pipe would not. */
  readonly outputPath: string;
  readonly user: { readonly uid: number; readonly gid: number } | undefined;
}

/** Starts a program without a shell, with nothing in its environment but what is given. Never throws: see `ended`. */
export function startProgram(options: StartOptions): Program {
  const { spec, instance, bootId } = options;
  const { promise: ended, resolve } = deferred<ProgramEnd>();
  let child: ChildProcess | undefined;
  let output: number | undefined;
  try {
    mkdirSync(options.cwd, { recursive: true, mode: 0o700 });
    output = openSync(options.outputPath, 'a', 0o600);
    if (options.user) {
      // A program may open its output again, as /dev/stdout.
      fchownSync(output, options.user.uid, options.user.gid);
      chownSync(options.cwd, options.user.uid, options.user.gid);
    }
    child = spawn(spec.command, spec.args, {
      ...{ cwd: options.cwd, env: { PATH: PROGRAM_PATH, ...options.env, [MARK]: instance }, ...options.user },
      ...{ detached: true, stdio: ['ignore', output, output] },
    });
    child.unref();
    child.once('error', (error) => resolve(neverRan(spec.command, error)));
    child.once('exit', (exitCode, signal) => resolve({ exitCode, signal, error: '' }));
  } catch (error) {
    resolve(neverRan(spec.command, error));
  } finally {
    if (output !== undefined) closeSync(output);
  }
  const pid = child?.pid ?? null;
  const startTime = pid === null ? '' : (statOf(pid)?.startTime ?? '');
  return createProgram({ instance, bootId, pid, startTime }, ended);
}

/**
 * Takes over what an earlier process started. Undefined when it is gone, and then nothing of it is left running.
 * `directory`: what the program worked in.
 */
export function adoptProgram(stored: StoredIdentity, bootId: string, directory: string): Program | undefined {
  if (stored.bootId !== bootId) return undefined;
  // Killed between the start and the note of it: the mark tells who it is.
  const pid = stored.pid ?? leaderOf(stored.instance);
  const stat = pid === null ? undefined : statOf(pid);
  const isSame = stat !== undefined && (stored.pid === null || stat.startTime === stored.startTime);
  if (pid === null || !isSame || !stat.alive) {
    // Its session may be another's by now, so only what works in its directory counts.
    for (const left of findLeft(stored.instance, pid, directory)) signalTo(left.pid, 'SIGKILL');
    return undefined;
  }
  const { promise: ended, resolve } = deferred<ProgramEnd>();
  const identity = { ...stored, pid, startTime: stat.startTime };
  return createProgram(identity, ended, () => resolve({ exitCode: null, signal: null, error: '' }));
}

/** `onGone`: of a program that is no child of this process. */
function createProgram(identity: StoredIdentity, ended: Promise<ProgramEnd>, onGone?: () => void): Program {
  const { pid, startTime, instance } = identity;
  let running = pid !== null;
  const done = ended.then(() => {
    running = false;
  });
  const isThere = (): boolean => {
    const stat = pid === null ? undefined : statOf(pid);
    return stat?.alive === true && stat.startTime === startTime;
  };
  return {
    identity,
    ended,
    get running() {
      return running;
    },
    check() {
      if (onGone && running && !isThere()) onGone();
    },
    async end(graceMs, signal, onStuck) {
      if (pid === null) return;
      if (isThere()) signalTo(-pid, 'SIGTERM');
      const cut = new AbortController();
      const stop = AbortSignal.any([signal, cut.signal]);
      void done.then(() => cut.abort());
      const deadline = performance.now() + graceMs;
      while (isThere() && !stop.aborted && performance.now() < deadline) {
        await delay(Math.min(POLL_MS, deadline - performance.now()), stop);
      }
      await killLeft(instance, pid, signal, onStuck);
    },
  };
}

const POLL_MS = 50;
const STUCK_AFTER = 100;

/** Kills what is left, children that went into groups of their own as well, until nothing is. */
async function killLeft(instance: string, pid: number, signal: AbortSignal, onStuck: () => void): Promise<void> {
  for (let round = 0; !signal.aborted; round += 1) {
    const left = findLeft(instance, pid);
    if (left.length === 0) return;
    // The group at once, before its members can have further children.
    if (left.some(({ group }) => group === pid)) signalTo(-pid, 'SIGKILL');
    for (const one of left) signalTo(one.pid, 'SIGKILL');
    if (round === STUCK_AFTER) onStuck();
    await delay(round === 0 ? 5 : POLL_MS, signal);
  }
}

/** To a process, or (negative) to a group. One that is gone, or may not be signalled, stays what it is. */
function signalTo(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!['ESRCH', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}

interface ProcessStat {
  readonly pid: number;
  readonly alive: boolean;
  readonly group: number;
  readonly session: number;
  /** In clock ticks since boot: a pid alone may be another program's by now. */
  readonly startTime: string;
}

/** Of a process; undefined when there is none. A zombie is there, but not alive: nobody may ever collect it. */
function statOf(pid: number): ProcessStat | undefined {
  const stat = readOrEmpty(`/proc/${pid}/stat`);
  if (stat === '') return undefined;
  // The name in parentheses may hold anything; what is behind it begins with field 3.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state = '', , group, session] = fields;
  const alive = !['Z', 'X', 'x'].includes(state);
  return { pid, alive, group: Number(group), session: Number(session), startTime: fields[19] ?? '' };
}

/**
 * Living processes that were started by one start of a replica: those that bear its mark, and (a program may have written
 * over its environment) those of the session that it began; with `directory` only if they work below it.
 */
function findLeft(instance: string, session: number | null, directory?: string): ProcessStat[] {
  const mark = `${MARK}=${instance}\0`;
  return readdirSync('/proc').flatMap((name) => {
    const stat = /^\d+$/.test(name) ? statOf(Number(name)) : undefined;
    if (!stat?.alive) return [];
    const inSession = stat.session === session && (directory === undefined || worksBelow(stat.pid, directory));
    return inSession || readOrEmpty(`/proc/${stat.pid}/environ`).includes(mark) ? [stat] : [];
  });
}

function worksBelow(pid: number, directory: string): boolean {
  try {
    return readlinkSync(`/proc/${pid}/cwd`).startsWith(`${directory}/`);
  } catch {
    return false;
  }
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** The one that leads its session is the one that was started. */
const leaderOf = (instance: string): number | null =>
  findLeft(instance, null).find(({ pid, session }) => pid === session)?.pid ?? null;

const neverRan = (command: string, error: unknown): ProgramEnd => ({
  ...{ exitCode: null, signal: null },
  error: whyNotStarted(command, error),
});
