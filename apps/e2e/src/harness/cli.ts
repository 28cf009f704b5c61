import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const CLI = process.env['QUORATE'] ?? fileURLToPath(new URL('../../../cli/dist/quorate.js', import.meta.url));

export interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly ms: number;
}

/** A client that goes on until it is stopped, such as one that follows a stream. */
export interface RunningCli {
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** SIGINT, as Ctrl-C sends it; then waits for the end. */
  stop(): Promise<Outcome>;
}

export interface CliOptions {
  readonly input?: string;
  /** Bound on the whole run, ms. */
  readonly boundMs?: number;
}

/** The bundled client with a configuration of its own: nothing of this machine's contexts leaks in. No terminal. */
export class Cli {
  constructor(private readonly configDir: string) {
    if (!existsSync(CLI)) throw new Error(`${CLI} is missing: build it with npm run build`);
  }

  /** Runs a command to its end; never throws on a status. A command that outlives its bound is killed: status null. */
  run(args: readonly string[], { input = '', boundMs = 45_000 }: CliOptions = {}): Promise<Outcome> {
    return this.#start(args, input, boundMs).ended;
  }

  /** Starts a command that does not end by itself. */
  start(args: readonly string[], { boundMs = 90_000 }: CliOptions = {}): RunningCli {
    const { child, text, ended } = this.#start(args, '', boundMs);
    return {
      stdout: () => text.stdout,
      stderr: () => text.stderr,
      stop: () => {
        child.kill('SIGINT');
        return ended;
      },
    };
  }

  #start(args: readonly string[], input: string, boundMs: number) {
    const started = performance.now();
    const env = { PATH: process.env['PATH'], HOME: this.configDir, XDG_CONFIG_HOME: this.configDir };
    const child = spawn(process.execPath, [CLI, ...args], { env, cwd: '/', stdio: 'pipe' });
    const text = { stdout: '', stderr: '' };
    child.stdout.on('data', (chunk) => {
      text.stdout += chunk;
    });
    child.stderr.on('data', (chunk) => {
      text.stderr += chunk;
    });
    // A client that does not read its input may be gone before it is written.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
    const timer = setTimeout(() => child.kill('SIGKILL'), boundMs);
    const ended = new Promise<Outcome>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (status) => {
        clearTimeout(timer);
        resolve({ status, ...text, ms: performance.now() - started });
      });
    });
    return { child, text, ended };
  }
}
