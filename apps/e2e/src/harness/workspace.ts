import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from './until';

const PREFIX = 'quorate-e2e-';
const MAX_KILL_ROUNDS = 20;

export interface RunningProcess {
  readonly pid: number;
  /** Resolves when the process has ended; never rejects. */
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  readonly running: boolean;
  /** To the process and its children (one process group). */
  signalGroup(signal: NodeJS.Signals): void;
  /** To the process alone. */
  signal(signal: NodeJS.Signals): void;
}

/** A throwaway folder and whatever was started for it. Nothing of it survives `close`, the end of this process or Ctrl-C. */
export interface Workspace {
  readonly dir: string;
  /** A loopback address of this workspace's own, `index` from 1: workspaces of several processes do not collide. */
  loopback(index: number): string;
  /** Starts a program in a process group of its own, output appended to `logFile`. */
  run(command: string, args: readonly string[], options: { logFile: string; cwd?: string }): RunningProcess;
  /** `undo` must be synchronous and bear being called at any moment; last in, first out. */
  defer(undo: () => void): void;
  /** Ends every process, undoes what was deferred and removes the folder. Idempotent. */
  close(): Promise<void>;
}

const open = new Set<{ destroy: () => void }>();
let guarded = false;
let orderly = false;
let blocks = 0;

/** The last line of defence: whatever ends this process takes the workspaces along. */
function guardProcess(): void {
  if (guarded) return;
  guarded = true;
  process.on('exit', () => {
    for (const workspace of [...open]) workspace.destroy();
  });
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const) {
    process.on(signal, () => {
      if (!orderly) process.exit(code);
    });
  }
}

/** For a program that has listeners of its own for signals, closes its workspaces itself and then exits. */
export function stopOrderly(): void {
  orderly = true;
}

/** One that is gone stays gone. */
function signalQuietly(target: number, signal: NodeJS.Signals): void {
  try {
    process.kill(target, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
};

/**
 * Ends what works below `dir` or names it in its command line or environment, whoever started it: replicas outlive nodes and
 * runners by design, and HAProxy drops to another user, which undoes its tie to the parent.
 */
function endUsersOf(dir: string): void {
  const reads = (path: string, read: (path: string) => string): string => {
    try {
      return read(path);
    } catch {
      return ''; // It is gone, or not ours to look at.
    }
  };
  const isUser = (pid: string): boolean =>
    Number(pid) !== process.pid &&
    (`${reads(`/proc/${pid}/cwd`, readlinkSync)}/`.startsWith(`${dir}/`) ||
      ['cmdline', 'environ'].some((name) =>
        reads(`/proc/${pid}/${name}`, (path) => readFileSync(path, 'utf8')).includes(`${dir}/`),
      ));
  // Again, since one of them may have had a child meanwhile. What is killed is a zombie at most, and names nothing.
  for (let round = 0; round < MAX_KILL_ROUNDS && existsSync('/proc'); round++) {
    const users = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && isUser(name));
    if (users.length === 0) return;
    for (const pid of users) signalQuietly(Number(pid), 'SIGKILL');
  }
}

/** Ends processes and removes folders of runs that got kill -9: the process in the folder's name is gone. */
function sweepLeftovers(): void {
  for (const name of readdirSync(tmpdir())) {
    const pid = name.startsWith(PREFIX) ? Number(name.slice(PREFIX.length).split('-')[0]) : Number.NaN;
    if (!(pid > 0) || isAlive(pid)) continue;
    const dir = join(tmpdir(), name);
    endUsersOf(dir);
    rmSync(dir, { recursive: true, force: true });
  }
}

/** util-linux's setpriv lets children die even when this process gets kill -9. */
function dieWithParent(): readonly string[] {
  const works = spawnSync('setpriv', ['--pdeathsig', 'KILL', 'true'], { stdio: 'ignore' }).status === 0;
  return works ? ['setpriv', '--pdeathsig', 'KILL'] : [];
}

function launch(command: readonly string[], logFile: string, cwd: string): RunningProcess {
  const log = openSync(logFile, 'a', 0o600);
  const [program = '', ...args] = command;
  // Detached: Ctrl-C in a terminal must reach only us, and a group can be signalled as one.
  const child: ChildProcess = spawn(program, args, { cwd, detached: true, stdio: ['ignore', log, log] });
  closeSync(log);
  let running = true;
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    const end = (code: number | null, signal: NodeJS.Signals | null): void => {
      running = false;
      resolve({ code, signal });
    };
    child.once('exit', end);
    child.once('error', () => end(null, null));
  });
  const pid = child.pid ?? 0;
  return {
    pid,
    ended,
    get running() {
      return running;
    },
    signalGroup: (signal) => pid > 0 && signalQuietly(-pid, signal),
    signal: (signal) => pid > 0 && running && signalQuietly(pid, signal),
  };
}

export function createWorkspace(): Workspace {
  guardProcess();
  sweepLeftovers();
  const dir = mkdtempSync(join(tmpdir(), `${PREFIX}${process.pid}-`));
  mkdirSync(join(dir, 'logs'));
  const prefix = dieWithParent();
  const processes = new Set<RunningProcess>();
  const undo: (() => void)[] = [];
  const block = (process.pid * 4 + blocks++) % 50_000;

  function killAll(): void {
    for (const one of processes) one.signalGroup('SIGKILL');
  }

  function endAll(): void {
    killAll();
    for (const step of undo.splice(0).reverse()) step();
    endUsersOf(dir);
    open.delete(self);
  }
  function keep(): void {
    endAll();
    process.stderr.write(`kept: ${dir}\n`);
  }
  function destroy(): void {
    endAll();
    // A process that is just dying may still write: once more.
    rmSync(dir, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  }
  const self = { destroy };
  open.add(self);

  return {
    dir,
    loopback: (index) => `127.${10 + Math.floor(block / 250)}.${1 + (block % 250)}.${index}`,
    run(command, args, { logFile, cwd = dir }) {
      const started = launch([...prefix, command, ...args], logFile, cwd);
      processes.add(started);
      return started;
    },
    defer: (step) => undo.push(step),
    async close() {
      killAll();
      try {
        await Promise.all([...processes].map((one) => one.ended));
        const groups = [...processes].filter((one) => one.pid > 0);
        await until('the process groups are gone', () => groups.every((one) => !isAlive(-one.pid)));
      } finally {
        if (process.env['QUORATE_E2E_KEEP'] === '1') keep();
        else destroy();
      }
    },
  };
}
