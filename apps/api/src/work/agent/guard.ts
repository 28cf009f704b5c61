import { type ChildProcess, spawn } from 'node:child_process';
import type { Logger } from '../../lib/logger';
import type { ProcessIdentity } from './process-group';

/** A process of its own that ends jobs when this one cannot: it was killed, or it is stopped and its lease is over. */
export interface Guard {
  /** From now on this process group ends with the lease, or with this process. */
  watch(leader: ProcessIdentity): void;
  forget(leader: ProcessIdentity): void;
  stop(): void;
}

const TELL_MS = 500;
/** After the lease: this process ends its jobs politely first. Still within the leader's margin. */
const GRACE_MS = 1_000;

/**
 * What the other process runs: told by lines which groups there are and up to when they may run (ns of the system's clock that
 * never goes back, which all processes share). Where the input ends, this one is gone, and every group with it. A number
 * that another program has by now is left alone.
 */
const PROGRAM = `
const { readFileSync } = require('node:fs');
const groups = new Map();
let until = process.hrtime.bigint() + 10_000_000_000n;
const startOf = (pid) => {
  try {
    const stat = readFileSync('/proc/' + pid + '/stat', 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch { return undefined; }
};
function endAll() {
  for (const [pid, start] of groups) {
    const now = startOf(pid);
    if (now !== undefined && now !== start) continue;
    try { process.kill(-Number(pid), 'SIGKILL'); } catch {}
  }
  groups.clear();
}
function take(line) {
  const [what, a, b] = line.split(' ');
  if (what === '+') groups.set(a, b);
  else if (what === '-') groups.delete(a);
  else if (what === '=') until = BigInt(a);
}
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => {});
let rest = '';
process.stdin.setEncoding('utf8');
process.stdin.on('data', (text) => {
  const lines = (rest + text).split('\\n');
  rest = lines.pop();
  lines.forEach(take);
});
const over = () => { endAll(); process.exit(0); };
process.stdin.on('end', over);
process.stdin.on('error', over);
setInterval(() => { if (process.hrtime.bigint() > until) endAll(); }, 100);
`;

/** `leaseEndsAt`: when the lease is over as things stand, on the clock of performance.now(). */
export function createGuard(options: { leaseEndsAt: () => number; logger: Logger }): Guard {
  const { leaseEndsAt, logger } = options;
  const groups = new Map<number, ProcessIdentity>();
  let child: ChildProcess | undefined;
  let stopped = false;

  const write = (line: string): void => void child?.stdin?.write(`${line}\n`);
  function tellLease(): void {
    // In this order: a pause between the two makes the time shorter, never longer.
    const now = process.hrtime.bigint();
    const leftMs = Math.max(0, leaseEndsAt() + GRACE_MS - performance.now());
    write(`= ${now + BigInt(Math.round(Math.min(leftMs, 3_600_000) * 1e6))}`);
  }
  function start(): void {
    if (child || stopped) return;
    // A group of its own: whatever stops this process does not stop it.
    const started = spawn(process.execPath, ['--max-old-space-size=32', '-e', PROGRAM], {
      ...{ cwd: '/', env: {}, detached: true, stdio: ['pipe', 'ignore', 'ignore'] },
    });
    child = started;
    started.stdin?.on('error', () => undefined);
    started.on('error', (error) => logger.warn({ err: error }, 'the guard of jobs could not be started'));
    started.once('exit', () => {
      if (child !== started) return;
      child = undefined;
      if (groups.size > 0) start();
    });
    started.unref();
    tellLease();
    for (const { pid, startTime } of groups.values()) write(`+ ${pid} ${startTime}`);
  }
  const timer = setInterval(() => {
    if (groups.size === 0) return;
    start();
    tellLease();
  }, TELL_MS);
  timer.unref();

  return {
    watch(leader) {
      groups.set(leader.pid, leader);
      if (child) {
        tellLease();
        write(`+ ${leader.pid} ${leader.startTime}`);
      } else start();
    },
    forget({ pid }) {
      if (groups.delete(pid)) write(`- ${pid}`);
    },
    stop() {
      stopped = true;
      clearInterval(timer);
      groups.clear();
      child?.stdin?.end();
    },
  };
}
