import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type AssignedWork,
  type JobEnd,
  type JobOutputRange,
  type JobReport,
  MAX_PROBLEM,
  type OutputChunk,
} from '@quorate/shared/runner-protocol';
import { delay } from '../../lib/async';
import type { Logger } from '../../lib/logger';
import type { ProgramUser } from '../../lib/program-user';
import { replaceFile } from '../../lib/replace-file';
import { diskProblem } from './disk-problem';
import { type AttemptId, createJobStore, type JobRun, lostEnd, nameOf, type StopReason } from './job-run';
import { createReportQueue } from './report-queue';
import type { Spawner } from './spawner';

export interface AgentOptions {
  /** Where attempts and their output are kept. */
  readonly dir: string;
  /** Starts the programs; it is not ended with the agent. */
  readonly spawner: Spawner;
  /** Whom it starts them as; undefined = as this process. */
  readonly user: ProgramUser | undefined;
  readonly logger: Logger;
  /** Resolves when the log has them, or has refused them for good. @throws while nobody could take them: tried again */
  readonly report: (reports: JobReport[]) => Promise<void>;
  /** True while this runner may run jobs: the lease holds. */
  readonly leaseHeld: () => boolean;
}

/** A program that runs now: its process group, and whose it is. */
export type RunningProgram =
  | { readonly kind: 'job'; readonly pid: number; readonly id: string; readonly attempt: number }
  | {
      readonly kind: 'replica';
      readonly pid: number;
      readonly service: string;
      readonly slot: number;
      readonly generation: number;
    };

export interface Agent {
  /** Converges on it; older than the last one is ignored. */
  assign(work: AssignedWork): void;
  /** It does not know what it had begun: what it is told first must not be old. */
  readonly unsure: boolean;
  /** To be called when the lease is over: every job is killed, since it may be given away now. */
  loseLease(): void;
  /** Output of an attempt that is here; undefined when it is not. */
  output(range: JobOutputRange): Promise<OutputChunk | undefined>;
  readonly running: number;
  /** Why it can begin no job now, and hands back those that it is given; empty when it can. */
  readonly problem: string;
  /** What runs now, to be measured. */
  programs(): RunningProgram[];
  /** Kills what runs, waits for it, and tells of it if it can. */
  stop(): Promise<void>;
}

/** A runner whose lease was renewed begins what it could not begin before. */
const CONVERGE_MS = 250;
/** How often it looks whether it can begin jobs again. */
const PROBE_MS = 1_000;
/** For the last reports of an agent that is stopped. */
const LAST_REPORTS_MS = 2_000;
/** How often output is asked for that is not there yet. */
const OUTPUT_POLL_MS = 100;
/** What has run for longer is not expected to end in the next moment. */
const YOUNG_MS = 1_000;

/** The id of the system's start: programs and what was written late do not outlive it. */
export function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return '';
  }
}

interface Known {
  readonly of: AttemptId;
  /** When it came, on the clock of performance.now(). */
  readonly since: number;
  run: JobRun | undefined;
}

/** Runs what is assigned: each attempt once, whatever is told however often, and across restarts of this process. */
export function createAgent(options: AgentOptions): Agent {
  const { dir, spawner, user, logger } = options;
  const store = createJobStore({ dir: join(dir, 'jobs'), spawner, user, logger });
  const reports = createReportQueue({ send: options.report, isBusy: hasYoung, logger });
  const known = new Map<string, Known>();
  let wanted: AssignedWork['jobs'] = [];
  let latest = -1;
  let stopped = false;
  let problem = '';
  const boot = bootNote(dir);
  /** Why nobody knows whether what is assigned was begun before: until all that was assigned meanwhile has an end on disk. */
  let unsure = boot.isOther
    ? 'the host of the runner was restarted'
    : store.damaged
      ? 'the runner cannot read its notes of what it had begun'
      : undefined;

  function hinder(error: unknown, message: string): void {
    problem = diskProblem(error).slice(0, MAX_PROBLEM);
    logger.error({ err: error }, message);
  }

  /** An end for what is not to be begun. */
  function withoutStart(job: AssignedWork['jobs'][number]): JobEnd | undefined {
    if (unsure === undefined) return job.cancel ? { ...lostEnd(''), outcome: 'cancelled' } : undefined;
    const end = lostEnd(unsure);
    try {
      // It would be begun after a restart of this process else.
      store.note(job, end);
    } catch (error) {
      hinder(error, 'what is not begun cannot be noted');
    }
    return end;
  }

  /** All that was assigned while nobody knew has an end on disk: what comes from now on was never begun. */
  function settle(): void {
    if (unsure === undefined || problem !== '') return;
    try {
      boot.keep();
      store.mend();
      unsure = undefined;
    } catch (error) {
      hinder(error, 'the notes of what was begun cannot be mended');
    }
  }

  /** Undefined when it can begin none now: then no other is begun either, until it can. */
  function start(job: AssignedWork['jobs'][number]): JobRun | undefined {
    if (problem !== '') return undefined;
    try {
      return store.start(job, job.spec);
    } catch (error) {
      hinder(error, 'no job can be begun');
      return undefined;
    }
  }

  function begin(job: AssignedWork['jobs'][number]): void {
    const of = { id: job.id, attempt: job.attempt };
    const since = performance.now();
    const earlier = store.recover(of);
    const end = earlier?.end ?? withoutStart(job);
    if (end) {
      known.set(nameOf(of), { of, since, run: undefined });
      void reports.add({ ...of, step: 'finished', began: earlier?.began ?? false, end });
      return;
    }
    // Its program would be killed at once, or run after the job was given away.
    if (!options.leaseHeld()) return;
    const run = start(job);
    const entry: Known = { of, since, run };
    known.set(nameOf(of), entry);
    if (!run) {
      const lost = lostEnd(`its runner could not begin it: ${problem}`);
      void reports.add({ ...of, step: 'finished', began: false, end: lost, handedBack: problem });
      return;
    }
    void run.begun.then(() => (run.pid === undefined ? undefined : reports.add({ ...of, step: 'started' })));
    void run.ended.then(({ began, end }) => {
      entry.run = undefined;
      return reports.add({ ...of, step: 'finished', began, end });
    });
  }

  /** What is not assigned any more: it was reported and taken, or it is fenced. */
  function drop(key: string, { of, run }: Known): void {
    if (run) {
      logger.warn({ job: of.id, attempt: of.attempt }, 'the job is not assigned to this runner any more');
      run.stop('lost');
      return;
    }
    known.delete(key);
    store.prune((name) => known.has(name));
  }

  function converge(): void {
    const keys = new Set(wanted.map(nameOf));
    for (const [key, entry] of known) if (!keys.has(key)) drop(key, entry);
    for (const job of wanted) {
      const entry = known.get(nameOf(job));
      if (!entry) begin(job);
      else if (job.cancel) entry.run?.stop('cancelled');
    }
    settle();
  }
  const prober = setInterval(() => {
    if (problem !== '') problem = store.hindrance().slice(0, MAX_PROBLEM);
  }, PROBE_MS);
  const ticker = setInterval(() => {
    if (latest >= 0) converge();
  }, CONVERGE_MS);

  function hasYoung(): boolean {
    const now = performance.now();
    for (const { run, since } of known.values()) if (run && now - since < YOUNG_MS) return true;
    return false;
  }
  const runs = (): JobRun[] => [...known.values()].flatMap(({ run }) => run ?? []);
  function stopAll(why: StopReason): void {
    for (const run of runs()) run.stop(why);
  }

  return {
    assign(work) {
      if (work.index <= latest || stopped) return;
      latest = work.index;
      wanted = work.jobs;
      converge();
    },
    get unsure() {
      return unsure !== undefined;
    },
    loseLease: () => stopAll('lost'),
    async output(range) {
      const look = (waitMs: number): Promise<OutputChunk> | OutputChunk | undefined =>
        known.get(nameOf(range))?.run?.output(range.offset, waitMs) ?? store.output(range, range.offset);
      const found = await look(range.wait_ms);
      if (found || range.wait_ms === 0) return found;
      // It may have been assigned a moment ago.
      await delay(OUTPUT_POLL_MS);
      return look(range.wait_ms);
    },
    get running() {
      return runs().length;
    },
    get problem() {
      return problem;
    },
    programs: () =>
      [...known.values()].flatMap(({ of, run }) =>
        run?.pid === undefined ? [] : [{ kind: 'job', pid: run.pid, ...of }],
      ),
    async stop() {
      stopped = true;
      clearInterval(ticker);
      clearInterval(prober);
      const ending = runs().map(({ ended }) => ended);
      stopAll('stopped');
      await Promise.all(ending);
      await reports.close(LAST_REPORTS_MS);
    },
  };
}

/** Under which start of the system this runner ran last. `keep`: writes down that it is this one. */
function bootNote(dir: string): { readonly isOther: boolean; keep(): void } {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const path = join(dir, 'boot-id');
  const before = existsSync(path) ? readFileSync(path, 'utf8') : undefined;
  const now = bootId();
  const keep = (): void => replaceFile(path, now);
  if (before === undefined) keep();
  return { isOther: before !== undefined && before !== now, keep };
}
