import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { joinTokenRoutes } from '@quorate/shared/join-tokens';
import { openAgent } from './agent-client';

/** The daemon under test; QUORATED names another build of it. */
const DAEMON = process.env['QUORATED'] ?? fileURLToPath(new URL('../../dist/quorated.js', import.meta.url));
/** Generous: the condition holds within a second or two on a quiet machine. */
const BOUND_MS = 45_000;

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly pid: number;
  /** Everything it has written so far. */
  output(): string;
  /** Waits until the output matches. @throws Error with the output when the program ends or time runs out first */
  says(pattern: RegExp): Promise<void>;
  signal(signal: NodeJS.Signals): void;
  readonly ended: Promise<Ended>;
}

/** A throwaway folder with an address of its own, and the programs started for it. */
export interface TestHost {
  readonly dir: string;
  /** A loopback address that nobody else in this run has. */
  address(): string;
  /** Runs quorated to its end. */
  quorated(args: readonly string[], options?: RunOptions): Promise<Ended>;
  start(args: readonly string[], options?: RunOptions): Running;
  /** Starts a node and waits until it serves. */
  serve(name: string, options?: { address?: string; args?: readonly string[] }): Promise<TestNode>;
  close(): Promise<void>;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
}

export interface TestNode {
  readonly running: Running;
  readonly dataDir: string;
  readonly address: string;
  readonly args: readonly string[];
}

/** Settings of a node on an address of its own. */
export const addressArgs = (address: string): string[] => [
  ...['--set', `api.address=${address}:8440`],
  ...['--set', `cluster.address=${address}:7000`],
];

export async function until(what: string, condition: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = Date.now() + BOUND_MS;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`not within ${BOUND_MS} ms: ${what}`);
    await delay(50);
  }
}

export function createTestHost(): TestHost {
  const dir = mkdtempSync(join(tmpdir(), 'quorated-test-'));
  const children = new Map<ChildProcess, Promise<Ended>>();
  const block = `127.${randomInt(130, 250)}.${randomInt(256)}`;
  let addresses = 0;

  function start(args: readonly string[], { env = {}, input }: RunOptions = {}): Running {
    // A group of its own: its etcd is ended with it.
    const child = spawn(process.execPath, [DAEMON, ...args], {
      cwd: dir,
      detached: true,
      env: { PATH: process.env['PATH'] ?? '', ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    child.stdin.end(input ?? '');
    let over = false;
    const ended = new Promise<Ended>((resolve) => {
      child.once('close', (code) => {
        over = true;
        resolve({ code, stdout, stderr });
      });
    });
    children.set(child, ended);
    const output = (): string => stdout + stderr;
    return {
      pid: child.pid ?? 0,
      output,
      ended,
      signal: (signal) => void child.kill(signal),
      says: (pattern) =>
        until(`quorated says ${pattern}`, () => {
          if (pattern.test(output())) return true;
          if (over) throw new Error(`quorated ended before it said ${pattern}:\n${output()}`);
          return false;
        }).catch((error: unknown) => {
          throw new Error(`${String(error)}\n${output()}`);
        }),
    };
  }

  async function serve(name: string, options: { address?: string; args?: readonly string[] } = {}): Promise<TestNode> {
    const dataDir = join(dir, name);
    const address = options.address ?? nextAddress();
    const args = [
      '--data-dir',
      dataDir,
      '--set',
      `node.name=${name}`,
      ...addressArgs(address),
      ...(options.args ?? []),
    ];
    const running = start(['serve', ...args]);
    await running.says(/the console and the API are at/);
    return { running, dataDir, address, args };
  }

  function nextAddress(): string {
    addresses += 1;
    return `${block}.${addresses}`;
  }

  return {
    dir,
    address: nextAddress,
    start,
    serve,
    async quorated(args, options) {
      const running = start(args, options);
      const slow = delay(BOUND_MS, undefined, { ref: false }).then(() => {
        throw new Error(`quorated ${args.join(' ')} did not end:\n${running.output()}`);
      });
      return Promise.race([running.ended, slow]);
    },
    async close() {
      for (const child of children.keys()) {
        try {
          process.kill(-(child.pid ?? Number.NaN), 'SIGKILL');
        } catch {
          // It has ended, with its group.
        }
      }
      await Promise.all(children.values());
      rmSync(dir, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
    },
  };
}

/** Mints over the agent socket, as a local admin. */
export async function mint(dataDir: string, body: { max_uses?: number } = {}) {
  const agent = openAgent(dataDir, 30_000);
  try {
    return await agent.client.call(joinTokenRoutes.create, { body });
  } finally {
    await agent.close();
  }
}

/** Names and contents below a folder, to show that nothing was changed. Reading SQLite's file may leave an empty journal. */
export function snapshotOf(dir: string): Record<string, string> {
  if (!existsSync(dir)) return {};
  const files = readdirSync(dir, { recursive: true }) as string[];
  return Object.fromEntries(
    files
      .sort()
      .filter((name) => statSync(join(dir, name)).isFile() && !/-(wal|shm)$/.test(name))
      .map((name) => [name, readFileSync(join(dir, name), 'latin1')]),
  );
}
