import { spawn } from 'node:child_process';
import { createWriteStream, existsSync, mkdirSync, readFileSync, realpathSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { CACHE, ROOT } from './paths.mjs';

const TAIL_LINES = 40;

/** A step that failed, with what to do about it. The message is complete: print it and exit. */
export class StepFailed extends Error {
  constructor(what, cure, tail) {
    super([what, tail?.replace(/^/gm, '  | '), cure].filter(Boolean).join('\n'));
    this.name = 'StepFailed';
  }
}

/**
 * The environment for every tool that the scripts start: telemetry off, and Node's own headers for packages that
 * compile (better-sqlite3 does when its prebuilt cannot be fetched), so that node-gyp need not download them.
 */
export function toolEnv(env = process.env) {
  const prefix = dirname(dirname(realpathSync(process.execPath)));
  const headers = existsSync(join(prefix, 'include/node/node.h'));
  return {
    ...env,
    DO_NOT_TRACK: '1',
    TURBO_TELEMETRY_DISABLED: '1',
    NEXT_TELEMETRY_DISABLED: '1',
    ...(headers && !env.npm_config_nodedir ? { npm_config_nodedir: prefix } : {}),
  };
}

export const say = (line) => process.stderr.write(`${line}\n`);

/**
 * Runs a program with its output in a log file under .cache/. Returns the duration in seconds.
 * @throws StepFailed with the tail of the log and `cure`
 */
export async function runLogged(name, command, args, { cure, env = {} }) {
  mkdirSync(CACHE, { recursive: true });
  const logPath = join(CACHE, `${name.replaceAll(/[^a-z0-9]+/gi, '-')}.log`);
  const log = createWriteStream(logPath);
  const startedAt = Date.now();
  const result = await new Promise((resolve) => {
    const child = spawn(command, args, { cwd: ROOT, env: { ...toolEnv(), ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.pipe(log, { end: false });
    child.stderr.pipe(log, { end: false });
    child.on('error', (error) => resolve({ error }));
    child.on('close', (code, signal) => resolve({ code, signal }));
  });
  await new Promise((resolve) => log.end(resolve));
  if (result.code !== 0) {
    const why = result.error?.message ?? (result.signal ? `ended by ${result.signal}` : `exit status ${result.code}`);
    const tail = readFileSync(logPath, 'utf8').trimEnd().split('\n').slice(-TAIL_LINES).join('\n');
    throw new StepFailed(
      `${name} failed (${why}): ${[command, ...args].join(' ')}`,
      `${cure}\nFull log: ${logPath}`,
      tail,
    );
  }
  return (Date.now() - startedAt) / 1000;
}

/** Exit status the way a shell reports it: 128 + signal number for a process ended by a signal. */
const statusOf = (code, signal) => code ?? 128 + (constants.signals[signal] ?? 0);

/**
 * Runs a program in the foreground: terminal inherited, signals passed on.
 * Resolves with its exit status. A second signal is passed on too; the child decides when it ends.
 */
export function runForeground(command, args, { env = {} } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: ROOT, env: { ...toolEnv(), ...env }, stdio: 'inherit' });
    const forwarded = ['SIGINT', 'SIGTERM', 'SIGHUP'];
    // A terminal's Ctrl-C reaches the whole process group, so the child has that SIGINT already.
    const forward = (signal) => {
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
    };
    for (const signal of forwarded) process.on(signal, forward);
    const finish = (status) => {
      for (const signal of forwarded) process.off(signal, forward);
      resolve(status);
    };
    child.on('error', (error) => {
      say(`${command} cannot be started: ${error.message}`);
      finish(127);
    });
    child.on('close', (code, signal) => finish(statusOf(code, signal)));
  });
}

/** Runs a script's main function; a StepFailed is printed without a stack. */
export async function runMain(main) {
  try {
    process.exitCode = (await main()) ?? 0;
  } catch (error) {
    say(error instanceof StepFailed ? error.message : (error?.stack ?? String(error)));
    process.exitCode = 1;
  }
}
