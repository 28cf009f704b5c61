import type { ChildProcess } from 'node:child_process';
import { closeSync, fchownSync, openSync } from 'node:fs';
import type { ServiceSpec } from '@quorate/shared/services';
import { deferred, delay } from '../../../lib/async';
import type { ProgramUser } from '../../../lib/program-user';
import { launch, makeWorkDirectory, neverRan, type ProgramEnd } from '../launch';
import { findLeft, leaderOf, signalTo, statOf } from '../processes';
import type { StoredIdentity } from './record';

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
  readonly user: ProgramUser | undefined;
}

/** Starts a program that outlives this process. Never throws: see `ended`. */
export function startLasting(options: StartOptions): Program {
  const { spec, env, instance, bootId, cwd, user } = options;
  const { promise: ended, resolve } = deferred<ProgramEnd>();
  let child: ChildProcess | undefined;
  let output: number | undefined;
  try {
    makeWorkDirectory(cwd, user);
    output = openSync(options.outputPath, 'a', 0o600);
    // A program may open its output again, as /dev/stdout.
    if (user) fchownSync(output, user.uid, user.gid);
    child = launch({ ...spec, env }, { cwd, instance, user, stdio: ['ignore', output, output] });
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
