import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../../../..');
export const CLI = join(ROOT, 'apps/cli/dist/quorate.js');
export const DAEMON = join(ROOT, 'apps/api/dist/quorated.js');

function newestMs(folder: string): number {
  const times = readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.test.ts'))
    .map((entry) => statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.mtimeMs ?? 0);
  return Math.max(0, ...times);
}

/** Builds the bundles that are absent or older than their source. Builds replace the file in one step. */
export async function ensureBuilt(apps: readonly ('cli' | 'api')[]): Promise<void> {
  for (const app of apps) {
    const bundle = app === 'cli' ? CLI : DAEMON;
    const builtMs = statSync(bundle, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    const sourceMs = Math.max(newestMs(join(ROOT, 'apps', app, 'src')), newestMs(join(ROOT, 'packages/shared/src')));
    if (sourceMs > builtMs) await promisify(execFile)('node', [join(ROOT, 'apps', app, 'build.mjs')], { cwd: ROOT });
  }
}

export interface Outcome {
  status: number | null;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  env?: Record<string, string>;
  input?: string;
  cwd?: string;
}

/** Starts the bundled client with an environment of its own; nothing of this machine's contexts leaks in. */
export function start(args: readonly string[], options: RunOptions = {}): ChildProcess {
  const child = spawn(process.execPath, [CLI, ...args], {
    env: { PATH: process.env['PATH'], HOME: '/nonexistent', ...options.env },
    cwd: options.cwd ?? '/',
    stdio: 'pipe',
  });
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(options.input ?? '');
  return child;
}

/** Runs the bundled client to its end, at most 30 s. */
export function run(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  return new Promise((done, fail) => {
    const child = start(args, options);
    const timer = setTimeout(() => child.kill('SIGKILL'), 30_000);
    const outcome: Outcome = { status: null, stdout: '', stderr: '' };
    child.stdout?.on('data', (chunk) => {
      outcome.stdout += chunk;
    });
    child.stderr?.on('data', (chunk) => {
      outcome.stderr += chunk;
    });
    child.once('error', fail);
    child.once('close', (status) => {
      clearTimeout(timer);
      done({ ...outcome, status });
    });
  });
}

/** Polls until `probe` answers something, at most `limitMs`. @throws Error with `what` when it never does */
export async function eventually<T>(
  what: string,
  limitMs: number,
  probe: () => Promise<T | undefined> | T | undefined,
): Promise<T> {
  const deadline = Date.now() + limitMs;
  for (;;) {
    const value = await probe();
    if (value !== undefined) return value;
    if (Date.now() > deadline) throw new Error(`${what} did not happen within ${limitMs} ms`);
    await new Promise((wake) => setTimeout(wake, 50));
  }
}
