import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { delay } from '../../lib/async';
import type { Logger } from '../../lib/logger';
import { etcdVersion, formatVersion } from './binary';
import type { EtcdTls } from './channels';
import { createEtcdClient, type EtcdClient } from './client';
import { endOrphan, finishFirstStart, prepareDataDir, removePid, writePid } from './data-dir';
import { type EtcdMemberOptions, etcdFlags } from './flags';
import { type LogLines, pipeLogLines } from './log-lines';

export interface EtcdSupervisorOptions extends EtcdMemberOptions {
  /** Path, or a name on the PATH. */
  readonly binary: string;
  readonly log: Logger;
  /** After SIGTERM, before SIGKILL; default 5000. */
  readonly stopTimeoutMs?: number;
}

export type EtcdState = 'stopped' | 'starting' | 'ready' | 'backoff' | 'removed';

export interface EtcdStatus {
  readonly state: EtcdState;
  readonly pid: number | null;
  readonly version: string | null;
  /** Unexpected ends since `start`. */
  readonly crashes: number;
  /** The CA file as the running process has read it: etcd does that when it starts, and only then. */
  readonly trustedCa: string | null;
}

export interface EtcdExit {
  /** `removed`: the cluster removed this member; it is not started again. */
  readonly reason: 'removed' | 'crashed';
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly lastLines: readonly string[];
  /** When it is started again; null = never. */
  readonly restartInMs: number | null;
}

export interface EtcdSupervisor {
  /**
   * Starts the member; resolves when it answers by itself. A member of an old cluster answers only once a quorum is
   * there, so don't wait for this before serving reads.
   * @throws EtcdBinaryError
   * @throws EtcdStartError it ended by itself before it was ever ready
   */
  start(): Promise<void>;
  /** SIGTERM (a leader hands over), then SIGKILL. Idempotent; a pending `start` then rejects. */
  stop(): Promise<void>;
  /**
   * Ends the process as `stop` does and starts it again at once, with the files as they are now. Resolves when it
   * answers. @throws Error when it does not run
   */
  restart(): Promise<void>;
  status(): EtcdStatus;
  /** Calls `listener` at each unexpected end; returns the unsubscriber. */
  onExit(listener: (exit: EtcdExit) => void): () => void;
}

/** etcd ended before it was ready; `lastLines` is the end of its log. */
export class EtcdStartError extends Error {
  override readonly name = 'EtcdStartError';
  constructor(
    message: string,
    readonly lastLines: readonly string[],
  ) {
    super([message, ...lastLines.slice(-3)].join('\n  '));
  }
}

const START_ATTEMPTS = 3;
const READY_POLL_MS = 50;
const BACKOFF_MIN_MS = 200;
const BACKOFF_MAX_MS = 10_000;
/** A run this long forgets earlier crashes. */
const STABLE_MS = 30_000;

/** Runs one etcd member as a child process, and keeps it running until `stop` or its removal from the cluster. */
export function createEtcdSupervisor(options: EtcdSupervisorOptions): EtcdSupervisor {
  const { log, dataDir } = options;
  const listeners = new Set<(exit: EtcdExit) => void>();
  let state: EtcdState = 'stopped';
  let version: string | null = null;
  let child: ChildProcess | null = null;
  let crashes = 0;
  let running: Promise<void> | null = null;
  let stopping = new AbortController();
  let trustedCa: string | null = null;
  let restarting: { readonly ready: () => void; readonly failed: (error: Error) => void; ended: boolean } | null = null;

  const killAtExit = (): void => {
    child?.kill('SIGKILL');
  };

  async function start(): Promise<void> {
    if (running) throw new Error('the etcd supervisor is already started');
    stopping = new AbortController();
    const found = await etcdVersion(options.binary);
    version = formatVersion(found);
    await endOrphan(dataDir, log);
    process.on('exit', killAtExit);
    await new Promise<void>((ready, failed) => {
      running = keepRunning(etcdFlags(options, found), ready)
        .catch(failed)
        .finally(() => {
          process.off('exit', killAtExit);
          running = null;
          failed(new EtcdStartError('etcd was stopped before it was ready', []));
          restarting?.failed(new EtcdStartError('etcd was stopped before it was ready again', []));
          restarting = null;
        });
    });
  }

  async function keepRunning(flags: readonly string[], onReady: () => void): Promise<void> {
    let wasReady = false;
    let backoffMs = BACKOFF_MIN_MS;
    crashes = 0;
    while (!stopping.signal.aborted) {
      const startedMs = performance.now();
      const run = await runOnce(flags, () => {
        wasReady = true;
        onReady();
      }).catch((error: unknown) => {
        if (!wasReady) throw error;
        // A full disk, for one. The member is tried again as after a crash, for as long as it takes.
        return failedRun(error);
      });
      if (stopping.signal.aborted) break;
      if (restarting && !restarting.ended && !run.lines.sawRemoval()) {
        restarting.ended = true;
        continue;
      }
      if (run.lines.sawRemoval()) {
        state = 'removed';
        log.warn('etcd ended: the cluster removed this member');
        report(run, null);
        if (!wasReady) throw new EtcdStartError('the cluster has removed this member', run.lines.last());
        return;
      }
      crashes += 1;
      if (!wasReady && crashes >= START_ATTEMPTS) {
        state = 'stopped';
        throw new EtcdStartError(`etcd ended with ${describeEnd(run)} before it was ready`, run.lines.last());
      }
      if (performance.now() - startedMs > STABLE_MS) backoffMs = BACKOFF_MIN_MS;
      state = 'backoff';
      log.error(
        { end: describeEnd(run), restartInMs: backoffMs, last: run.lines.last().slice(-3) },
        'etcd ended unexpectedly',
      );
      if (wasReady) report(run, backoffMs);
      await delay(backoffMs, stopping.signal);
      backoffMs = Math.min(backoffMs * 2, BACKOFF_MAX_MS);
    }
    state = 'stopped';
  }

  /** One life of the process, until it has ended and its log is read. */
  async function runOnce(flags: readonly string[], onReady: () => void): Promise<Run> {
    state = 'starting';
    await prepareDataDir(dataDir, isAlone(options), log);
    trustedCa = options.tls && (await readFile(options.tls.ca, 'utf8'));
    const launched = launch(options.binary, flags);
    child = launched;
    const lines = pipeLogLines(launched.stderr, log);
    const ended = new Promise<Omit<Run, 'lines'>>((resolve) => {
      launched.once('error', () => resolve({ code: null, signal: null }));
      launched.once('close', (code, signal) => resolve({ code, signal }));
    });
    const over = new AbortController();
    try {
      if (launched.pid) {
        await writePid(dataDir, launched.pid);
        void becomeReady(launched.pid, over.signal, onReady);
      }
    } catch (error) {
      // Nobody would find it after a kill -9 of this process.
      launched.kill('SIGKILL');
      throw error;
    } finally {
      await ended;
      child = null;
      over.abort();
    }
    await removePid(dataDir);
    return { ...(await ended), lines };
  }

  async function becomeReady(pid: number, over: AbortSignal, onReady: () => void): Promise<void> {
    if (!(await answers(options, over)) || over.aborted) return;
    await finishFirstStart(dataDir);
    state = 'ready';
    log.info({ pid, version, member: options.name }, 'etcd is ready');
    restarting?.ready();
    restarting = null;
    onReady();
  }

  function report(run: Run, restartInMs: number | null): void {
    const exit: EtcdExit = {
      reason: restartInMs === null ? 'removed' : 'crashed',
      code: run.code,
      signal: run.signal,
      lastLines: run.lines.last(),
      restartInMs,
    };
    for (const listener of listeners) listener(exit);
  }

  async function stop(): Promise<void> {
    stopping.abort();
    const ended = terminate();
    await running;
    ended();
    if (state !== 'removed') state = 'stopped';
  }

  /** SIGTERM now, SIGKILL later; returns what calls the latter off. */
  function terminate(): () => void {
    const ending = child;
    ending?.kill('SIGTERM');
    // A stopped (SIGSTOP) process takes SIGTERM only when it is continued; SIGKILL works on any.
    const timer = setTimeout(() => ending?.kill('SIGKILL'), options.stopTimeoutMs ?? 5000);
    return () => clearTimeout(timer);
  }

  async function restart(): Promise<void> {
    if (state !== 'ready' || restarting) throw new Error(`etcd is ${state} and cannot be restarted now`);
    const again = new Promise<void>((ready, failed) => {
      restarting = { ready, failed, ended: false };
    });
    const ended = terminate();
    child?.once('close', ended);
    await again;
  }

  return {
    start,
    stop,
    restart,
    status: () => ({ state, pid: child?.pid ?? null, version, crashes, trustedCa }),
    onExit(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

const isAlone = (options: EtcdMemberOptions): boolean =>
  options.initialClusterState === 'new' && !options.initialCluster.includes(',');

interface Run {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly lines: LogLines;
}

/** It could not be started, or not be watched, because of something on this side. */
function failedRun(error: unknown): Run {
  const reason = error instanceof Error ? error.message : String(error);
  return { code: null, signal: null, lines: { last: () => [reason], sawRemoval: () => false } };
}

const describeEnd = (run: Run): string => (run.signal ? `signal ${run.signal}` : `status ${run.code}`);

type Launched = ChildProcess & { readonly stderr: NonNullable<ChildProcess['stderr']> };

/** The child dies with its parent even when the parent gets kill -9, where util-linux's setpriv can arrange it. */
function launch(binary: string, flags: readonly string[]): Launched {
  const [command, ...args] = canFollowParent()
    ? ['setpriv', '--pdeathsig', 'KILL', binary, ...flags]
    : [binary, ...flags];
  return spawn(command ?? binary, args, { stdio: ['ignore', 'ignore', 'pipe'] }) as Launched;
}

let followsParent: boolean | null = null;

function canFollowParent(): boolean {
  if (followsParent === null) {
    try {
      execFileSync('setpriv', ['--pdeathsig', 'KILL', 'true'], { stdio: 'ignore', timeout: 2000 });
      followsParent = true;
    } catch {
      followsParent = false;
    }
  }
  return followsParent;
}

/** Polls the member itself; a learner answers `Status` too. False when `over` came first. */
async function answers(options: EtcdSupervisorOptions, over: AbortSignal): Promise<boolean> {
  const client = await selfClient(options);
  try {
    while (!over.aborted) {
      const answer = await client
        .call('Maintenance.Status', {}, { retry: 'safe', requireLeader: false, signal: over })
        .catch(() => null);
      if (answer) return true;
      await delay(READY_POLL_MS, over);
    }
    return false;
  } finally {
    client.close();
  }
}

async function selfClient(options: EtcdSupervisorOptions): Promise<EtcdClient> {
  const url = options.listenClientUrl ?? options.clientUrl;
  return createEtcdClient({ endpoints: () => [url], tls: await readTls(options), log: options.log, deadlineMs: 1000 });
}

async function readTls({ tls }: EtcdMemberOptions): Promise<EtcdTls | null> {
  if (!tls) return null;
  const [ca, cert, key] = await Promise.all([tls.ca, tls.cert, tls.key].map((path) => readFile(path, 'utf8')));
  return { ca: ca ?? '', cert: cert ?? '', key: key ?? '' };
}
