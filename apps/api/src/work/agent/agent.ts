import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AssignedWork, JobEnd, JobReport } from '@quorate/shared/runner-protocol';
import { delay } from '../../lib/async';
import type { Logger } from '../../lib/logger';
import { type AttemptId, createJobStore, type JobRun } from './job-run';

export interface AgentOptions {
  /** Where attempts and their output are kept. */
  readonly dir: string;
  readonly logger: Logger;
  /** Resolves when the log has it, or has refused it for good. @throws while nobody could take it: it is tried again */
  readonly report: (report: JobReport, signal: AbortSignal) => Promise<void>;
  /** True while this runner may run jobs: the lease holds. */
  readonly leaseHeld: () => boolean;
}

export interface Agent {
  /** Converges on it; older than the last one is ignored. */
  assign(work: AssignedWork): void;
  /** To be called when the lease is over: every job is killed, since it may be given away now. */
  loseLease(): void;
  /** Output so far of an attempt that is here; undefined when it is not. */
  output(of: AttemptId): Buffer | undefined;
  readonly running: number;
  /** Kills what runs and waits for it. */
  stop(): Promise<void>;
}

const REPORT_RETRY_MS = 500;
const keyOf = ({ id, attempt }: AttemptId): string => `${id}.${attempt}`;

/** The id of the system's start: programs and what was written late do not outlive it. */
export function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return '';
  }
}

/** Runs what is assigned: each attempt once, whatever is told however often, and across restarts of this process. */
export function createAgent(options: AgentOptions): Agent {
  const { dir, logger } = options;
  const store = createJobStore({ dir: join(dir, 'jobs'), logger });
  const stopping = new AbortController();
  const known = new Map<string, { readonly of: AttemptId; run: JobRun | undefined; readonly done: Promise<void> }>();
  let latest = -1;
  let rebooted = noteBoot(dir);

  function begin(job: AssignedWork['jobs'][number]): void {
    const of = { id: job.id, attempt: job.attempt };
    const recovered = store.recover(of) ?? (rebooted ? AFTER_REBOOT : undefined);
    if (recovered)
      return void known.set(keyOf(of), {
        of,
        run: undefined,
        done: report({ ...of, step: 'finished', end: recovered }),
      });
    if (!options.leaseHeld()) return;
    const run = store.start(of, job.spec);
    known.set(keyOf(of), { of, run, done: follow(of, run) });
  }

  async function follow(of: AttemptId, run: JobRun): Promise<void> {
    const started = report({ ...of, step: 'started' });
    const end = await run.ended;
    const entry = known.get(keyOf(of));
    if (entry) entry.run = undefined;
    await started;
    await report({ ...of, step: 'finished', end });
  }

  async function report(what: JobReport): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        return await options.report(what, stopping.signal);
      } catch (error) {
        logger.debug({ err: error, job: what.id, step: what.step }, 'a report was not taken; trying again');
        await delay(REPORT_RETRY_MS, stopping.signal);
      }
    }
  }

  /** What is not assigned any more: it was reported and taken, or it is fenced. */
  function drop(key: string): void {
    const entry = known.get(key);
    if (!entry) return;
    if (entry.run) {
      logger.warn({ job: entry.of.id, attempt: entry.of.attempt }, 'the job is not assigned to this runner any more');
      entry.run.cancel();
      return;
    }
    known.delete(key);
    store.prune();
  }

  return {
    assign(work) {
      if (work.index <= latest || stopping.signal.aborted) return;
      latest = work.index;
      const wanted = new Map(work.jobs.map((job) => [keyOf(job), job]));
      for (const key of [...known.keys()]) if (!wanted.has(key)) drop(key);
      for (const [key, job] of wanted) {
        if (!known.has(key)) begin(job);
        else if (job.cancel) known.get(key)?.run?.cancel();
      }
      rebooted = false;
    },
    loseLease() {
      for (const { run } of known.values()) run?.cancel();
    },
    output: (of) => known.get(keyOf(of))?.run?.output() ?? store.output(of),
    get running() {
      return [...known.values()].filter(({ run }) => run !== undefined).length;
    },
    async stop() {
      for (const { run } of known.values()) run?.cancel();
      await Promise.all([...known.values()].map(({ run }) => run?.ended));
      stopping.abort();
      await Promise.all([...known.values()].map(({ done }) => done));
    },
  };
}

const AFTER_REBOOT: JobEnd = {
  outcome: 'failed',
  exitCode: null,
  signal: null,
  error: 'the host of the runner was restarted',
  outputTail: '',
};

/** Whether the system was started anew since the last time. */
function noteBoot(dir: string): boolean {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const path = join(dir, 'boot-id');
  const before = existsSync(path) ? readFileSync(path, 'utf8') : undefined;
  const now = bootId();
  if (before !== now) writeFileSync(path, now, { mode: 0o600 });
  return before !== undefined && before !== now;
}
