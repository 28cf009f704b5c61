import { type ChildProcess, spawn } from 'node:child_process';
import { z } from 'zod';
import { type Deferred, deferred } from '../../lib/async';
import type { Logger } from '../../lib/logger';
import type { ProgramUser } from '../../lib/program-user';
import { environmentOf, neverRan, type ProgramEnd, type ProgramSpec, USER_UMASK } from './launch';
import { endLeft, type ProcessIdentity } from './processes';

export interface SpawnedEnd extends ProgramEnd {
  /** It was started: it may have done something. */
  readonly began: boolean;
  /** It did not end by itself: it may not run any more, or nobody saw how it ended. */
  readonly isLost: boolean;
}

/** A program of the spawner, and all its children: one process group. */
export interface Spawned {
  /** Undefined when it was not started, or is over already. */
  readonly started: Promise<ProcessIdentity | undefined>;
  readonly ended: Promise<SpawnedEnd>;
  /** SIGTERM to all of it, and SIGKILL after `graceMs`. */
  end(graceMs: number): void;
}

/**
 * `job`: runs only while the lease holds. `check`: of a replica's health, or what this runner does itself; runs without it, too, and nobody waits long for output
 * that one of its children holds open.
 */
export type ProgramKind = 'job' | 'check';

/**
 * A small process of its own that starts the programs of jobs and checks. It forks several times faster than this one, which has
 * hundreds of megabytes to hand over; and it ends what it started when this one cannot: it was killed, or it is stopped and
 * its lease is over.
 */
export interface Spawner {
  /** Starts a program: without a shell, in a group of its own, with a clean environment. Never throws: see `ended`. */
  start(
    spec: ProgramSpec & { readonly stdin?: string },
    options: {
      readonly kind: ProgramKind;
      readonly cwd: string;
      /** Names this start, and no other: by it what is left of it is found. */
      readonly instance: string;
      readonly onOutput: (chunk: Buffer) => void;
    },
  ): Spawned;
  /** Ends what still runs, and the process itself. */
  stop(): void;
}

const TELL_MS = 500;
/** After the lease: this process ends its jobs politely first. Still within the leader's margin. */
const GRACE_MS = 1_000;
/** A spawner that does not do what it is told within this time is not waited for. */
const DEAF_MS = 1_000;
const WITHOUT_LEASE = 'its runner had lost the cluster, and may not run it any more';

/**
 * What the other process runs. It is told up to when programs may run (ns of the system's clock that never goes back, which
 * all processes share), and starts none after that. Where the channel ends, the daemon is gone, and every group with it.
 */
const PROGRAM = `
const { spawn } = require('node:child_process');
const { readFileSync } = require('node:fs');
const OUTPUT_AFTER_EXIT_MS = { job: 2_000, check: 500 };
// What is over by then is told once, not twice.
const TELL_START_MS = 10;
const running = new Map();
let until = 0n;
const isOver = () => process.hrtime.bigint() > until;
const tell = (message, done = () => {}) => process.connected ? process.send(message, done) : undefined;
const signalGroup = (pid, signal) => { try { process.kill(-pid, signal); } catch {} };
const startTimeOf = (pid) => {
  try {
    const stat = readFileSync('/proc/' + pid + '/stat', 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch { return ''; }
};
function endAll(kinds) {
  for (const child of running.values()) {
    if (!kinds.includes(child.kind)) continue;
    child.isLost = true;
    signalGroup(child.pid, 'SIGKILL');
  }
}
function start({ id, kind, command, args, cwd, env, user, stdin, lease }) {
  until = lease;
  if (kind === 'job' && isOver()) return tell({ id, type: 'lost' });
  const refused = ({ code = '', message }) => tell({ id, type: 'refused', code, message });
  let child;
  try {
    child = spawn(command, args, { cwd, env, detached: true, stdio: [stdin ? 'pipe' : 'ignore', 'pipe', 'pipe'], ...user });
  } catch (error) { return refused(error); }
  child.once('error', refused);
  const { pid, stdout, stderr } = child;
  if (pid === undefined) return;
  child.kind = kind;
  running.set(id, child);
  const telling = setTimeout(() => tell({ id, type: 'started', pid, startTime: startTimeOf(pid) }), TELL_START_MS);
  // One piece of each is under way at once: a flood waits in the program, not in memory.
  for (const stream of [stdout, stderr]) stream.on('data', (data) => {
    stream.pause();
    tell({ id, type: 'output', data }, () => stream.resume());
  });
  // A program that does not read its input must not fail this one.
  child.stdin?.on('error', () => {});
  child.stdin?.end(stdin);
  child.once('exit', () => {
    clearTimeout(telling);
    // A child that lives on would hold the output open, so the group goes first.
    signalGroup(pid, 'SIGKILL');
    running.delete(id);
    // One that has left the group may hold it open for ever: the program is over all the same.
    const cut = setTimeout(() => { stdout.destroy(); stderr.destroy(); }, OUTPUT_AFTER_EXIT_MS[kind]);
    child.once('close', () => clearTimeout(cut));
  });
  // Not "exit": the output is complete by then, too.
  child.once('close', (exitCode, signal) => tell({ id, type: 'ended', exitCode, signal, isLost: child.isLost === true }));
}
function end({ id, graceMs }) {
  const child = running.get(id);
  if (!child) return;
  signalGroup(child.pid, 'SIGTERM');
  const cut = setTimeout(() => signalGroup(child.pid, 'SIGKILL'), graceMs);
  child.once('exit', () => clearTimeout(cut));
}
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => {});
process.on('message', (message) => {
  if (message.type === 'lease') until = message.until;
  else if (message.type === 'start') start(message);
  else end(message);
});
process.on('disconnect', () => { endAll(['job', 'check']); process.exit(0); });
setInterval(() => { if (isOver()) endAll(['job']); }, 100);
`;

const id = z.int();
const fromSpawner = z.discriminatedUnion('type', [
  z.object({ type: z.literal('started'), id, pid: z.int(), startTime: z.string() }),
  z.object({ type: z.literal('output'), id, data: z.instanceof(Uint8Array) }),
  /** `isLost`: it was killed, since the lease was over. */
  z.object({
    ...{ type: z.literal('ended'), id, isLost: z.boolean() },
    ...{ exitCode: z.int().nullable(), signal: z.string().nullable() },
  }),
  /** The system did not start it. */
  z.object({ type: z.literal('refused'), id, code: z.string(), message: z.string() }),
  /** The lease was over before it was started. */
  z.object({ type: z.literal('lost'), id }),
]);

interface Program {
  readonly command: string;
  readonly instance: string;
  readonly onOutput: (chunk: Buffer) => void;
  readonly started: Deferred<ProcessIdentity | undefined>;
  readonly ended: Deferred<SpawnedEnd>;
  identity: ProcessIdentity | undefined;
}

export interface SpawnerOptions {
  /** When the lease is over as things stand, on the clock of performance.now(). */
  readonly leaseEndsAt: () => number;
  /** Who the programs run as; undefined = as this process. */
  readonly user: ProgramUser | undefined;
  readonly logger: Logger;
}

export function createSpawner({ leaseEndsAt, user, logger }: SpawnerOptions): Spawner {
  const programs = new Map<number, Program>();
  let lastId = 0;
  let child: ChildProcess | undefined;

  function tell(message: object): void {
    // It fails where the other process is gone, and its end says so.
    if (child?.connected) child.send(message, () => undefined);
  }
  /** Up to when programs may run, on the clock of the system. */
  function lease(): bigint {
    // In this order: a pause between the two makes the time shorter, never longer.
    const now = process.hrtime.bigint();
    const leftMs = Math.max(0, leaseEndsAt() + GRACE_MS - performance.now());
    return now + BigInt(Math.round(Math.min(leftMs, 3_600_000) * 1e6));
  }
  function over(programId: number, how: Pick<SpawnedEnd, 'error'> & Partial<SpawnedEnd>): void {
    const program = programs.get(programId);
    programs.delete(programId);
    program?.started.resolve(undefined);
    program?.ended.resolve({ exitCode: null, signal: null, isLost: false, began: false, ...how });
  }
  function take(raw: unknown): void {
    const message = fromSpawner.parse(raw);
    const program = programs.get(message.id);
    if (!program) return;
    if (message.type === 'started') {
      program.identity = { pid: message.pid, startTime: message.startTime };
      program.started.resolve(program.identity);
    } else if (message.type === 'output') {
      const { buffer, byteOffset, length } = message.data;
      program.onOutput(Buffer.from(buffer, byteOffset, length));
    } else if (message.type === 'refused') over(message.id, neverRan(program.command, message));
    else if (message.type === 'lost') over(message.id, { isLost: true, error: WITHOUT_LEASE });
    else {
      const { exitCode, signal, isLost } = message;
      over(message.id, { exitCode, signal, isLost, began: true, error: isLost ? WITHOUT_LEASE : '' });
    }
  }
  /** What it started is nobody's child now: nobody would hear how it ends. */
  function died(): void {
    child = undefined;
    for (const [programId, { instance, identity }] of programs) {
      endLeft(instance, identity);
      over(programId, { isLost: true, began: true, error: 'the process that had started it was ended' });
    }
  }
  function wake(): void {
    if (child) return;
    // A group of its own: whatever stops this process does not stop it.
    const mask = user ? `process.umask(${USER_UMASK});` : '';
    const fresh = spawn(
      process.execPath,
      ['--max-old-space-size=32', '--max-semi-space-size=1', '-e', mask + PROGRAM],
      {
        ...{
          cwd: '/',
          env: {},
          detached: true,
          stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
          serialization: 'advanced',
        },
      },
    );
    child = fresh;
    fresh.on('message', take);
    const onEnd = (): void => {
      if (child === fresh) died();
    };
    fresh.once('disconnect', onEnd);
    fresh.once('error', (error) => {
      logger.warn({ err: error }, 'the process that starts programs failed');
      onEnd();
    });
    fresh.unref();
    fresh.channel?.unref();
  }
  /** Where the other process does not do it, this one does. */
  function end(programId: number, graceMs: number): void {
    tell({ type: 'end', id: programId, graceMs });
    const program = programs.get(programId);
    const cut = setTimeout(() => {
      if (program) endLeft(program.instance, program.identity);
    }, graceMs + DEAF_MS);
    void program?.ended.promise.then(() => clearTimeout(cut));
  }
  const timer = setInterval(() => {
    if (programs.size > 0) tell({ type: 'lease', until: lease() });
  }, TELL_MS);
  timer.unref();

  return {
    start({ command, args, env, stdin = '' }, { kind, cwd, instance, onOutput }) {
      wake();
      lastId += 1;
      const programId = lastId;
      const [started, ended] = [deferred<ProcessIdentity | undefined>(), deferred<SpawnedEnd>()];
      programs.set(programId, { command, instance, onOutput, started, ended, identity: undefined });
      const what = { kind, command, args, cwd, env: environmentOf(env, instance), user, stdin };
      tell({ type: 'start', id: programId, lease: lease(), ...what });
      return { started: started.promise, ended: ended.promise, end: (graceMs) => end(programId, graceMs) };
    },
    stop() {
      clearInterval(timer);
      if (child?.connected) child.disconnect();
    },
  };
}
