import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecSpec } from '@quorate/shared/jobs';
import type { JobEnd, OutputChunk } from '@quorate/shared/runner-protocol';
import type { Logger } from '../../lib/logger';
import type { ProgramUser } from '../../lib/program-user';
import { BEGUN, openAttemptRecords } from './attempt-records';
import { diskProblem } from './disk-problem';
import { createOutputLog, outputChunk, readTail, removeOutput } from './output-log';
import { endLeft } from './processes';
import type { Spawned, Spawner } from './spawner';
import { createWorkDirectories } from './work-directory';
import { createWorkPool } from './work-pool';

const STOP_GRACE_MS = 5_000;
/** Attempts whose output is kept. */
const KEPT = 300;
const PRUNE_SLACK = 50;
/** There is to be room for so much before jobs are begun again, so that it is for more than one. */
const ROOM_BYTES = 64 * 1024;

/** Why a program is ended before its time. `lost`: the runner may not run it any more. */
export type StopReason = 'cancelled' | 'lost' | 'stopped';

export interface JobRun {
  /** Of its process group; undefined before it was started, when it could not be, and for one that was over at once. */
  readonly pid: number | undefined;
  /** Resolves once it was started and runs on, or is over. */
  readonly begun: Promise<unknown>;
  readonly ended: Promise<AttemptEnd>;
  /** Ends the process group. The first reason counts. */
  stop(why: StopReason): void;
  /** Its output from a byte on; waits up to `waitMs` for more while it runs. */
  output(offset: number, waitMs: number): Promise<OutputChunk>;
}

export interface AttemptId {
  readonly id: string;
  readonly attempt: number;
}

export interface AttemptEnd {
  /** Its program was started, for all that is known. */
  readonly began: boolean;
  readonly end: JobEnd;
}

export const nameOf = ({ id, attempt }: AttemptId): string => `${id}.${attempt}`;

/** The attempts of one runner on its disk: what it has begun is known after it was killed, too. */
export interface JobStore {
  /** There may have been attempts of an earlier process that are not known here. */
  readonly damaged: boolean;
  /** Drops what cannot be read of them. @throws Error of the system */
  mend(): void;
  /** How an attempt ended that an earlier process began: it is ended now if it still ran. Undefined: it was never begun. */
  recover(of: AttemptId): AttemptEnd | undefined;
  /** Writes down how one ended of which nothing is known here. @throws Error of the system */
  note(of: AttemptId, end: JobEnd): void;
  /** @throws Error of the system: nothing was begun */
  start(of: AttemptId, spec: ExecSpec): JobRun;
  /** Tries what `start` needs. @returns why none could be begun now; empty when one could */
  hindrance(): string;
  /** Of an attempt that is over. */
  output(of: AttemptId, offset: number): OutputChunk | undefined;
  /** Forgets those that ended first, beyond those that are kept for their output. `isKnown`: still needed, by its name. */
  prune(isKnown: (name: string) => boolean): void;
}

export interface JobStoreOptions {
  readonly dir: string;
  readonly spawner: Spawner;
  /** Whom the programs run as; undefined = as this process. */
  readonly user: ProgramUser | undefined;
  readonly logger: Logger;
}

/** What an earlier process began and did not see end is ended. */
export function createJobStore({ dir, spawner, user, logger }: JobStoreOptions): JobStore {
  const works = createWorkDirectories({ spawner, user, logger });
  const workDir = join(dir, 'work');
  mkdirSync(workDir, { recursive: true, mode: 0o711 });
  const pool = createWorkPool({ root: workDir, user, works });
  const records = openAttemptRecords(dir, logger);
  const logPath = (of: AttemptId): string => join(dir, `${nameOf(of)}.log`);
  /** Attempts that are on disk and not under way, in the order in which they ended. */
  const over = new Set(records.names());

  /** What is known of an attempt is told all the same where it cannot be kept. */
  function keep(name: string, write: () => void): void {
    try {
      write();
    } catch (error) {
      logger.error({ err: error, attempt: name }, 'what is known of a job cannot be kept on the disk');
    }
  }
  function keepEnd(name: string, { began, end }: AttemptEnd, total: number): void {
    keep(name, () => records.write(name, { ...BEGUN, began, total, end }));
    over.add(name);
  }

  function recover(of: AttemptId): AttemptEnd | undefined {
    const name = nameOf(of);
    const record = records.load(name);
    if (!record) return undefined;
    if (record.end) return { began: record.began, end: record.end };
    // Its number is not known when it was started a moment before the end of that process: its mark tells who it is.
    endLeft(name, record.pid === null ? undefined : { pid: record.pid, startTime: record.startTime });
    const ended = { began: true, end: lostEnd('the runner was restarted while it ran') };
    keep(name, () => removeOutput(logPath(of)));
    keepEnd(name, ended, 0);
    return ended;
  }

  /** @returns where its program works @throws Error of the system: nothing was begun, and its trace tells no end */
  function prepare(name: string): string {
    records.write(name, BEGUN);
    over.add(name);
    const cwd = pool.take();
    over.delete(name);
    return cwd;
  }

  function start(of: AttemptId, spec: ExecSpec): JobRun {
    const name = nameOf(of);
    const path = logPath(of);
    const cwd = prepare(name);
    const log = createOutputLog(path);
    const program = spawner.start(spec, {
      kind: 'job',
      cwd,
      instance: name,
      onOutput: (chunk) => log.write(chunk),
    });
    let pid: number | undefined;
    let isOver = false;
    const begun = program.started.then((identity) => {
      pid = identity?.pid;
      if (identity && !isOver) keep(name, () => records.write(name, { ...BEGUN, ...identity }));
    });
    const { ended, stop } = watch(program, spec);
    return {
      get pid() {
        return pid;
      },
      begun,
      stop,
      async output(offset, waitMs) {
        await log.waitBeyond(offset, waitMs);
        return outputChunk(path, offset, log.total, isOver);
      },
      ended: ended.then(({ began, ...end }) => {
        isOver = true;
        pool.release(cwd);
        log.close();
        const { total, problem } = log;
        const cut = problem === '' ? '' : `its output is cut off, ${problem}`;
        const error = [end.error, cut].filter(Boolean).join('; ');
        const whole = { ...end, error, outputTail: readTail(path, total), outputBytes: total };
        keepEnd(name, { began, end: whole }, total);
        return { began, end: whole };
      }),
    };
  }

  function hindrance(): string {
    const path = join(dir, 'room');
    try {
      writeFileSync(path, Buffer.alloc(ROOM_BYTES));
      pool.release(pool.take());
      return '';
    } catch (error) {
      return diskProblem(error);
    } finally {
      keep('room', () => rmSync(path, { force: true }));
    }
  }

  for (const name of [...over]) {
    const [id = '', attempt] = name.split('.');
    recover({ id, attempt: Number(attempt) });
  }
  for (const name of readdirSync(workDir)) void works.remove(join(workDir, name));

  return {
    get damaged() {
      return records.damaged;
    },
    mend: records.mend,
    recover,
    note(of, end) {
      records.write(nameOf(of), { ...BEGUN, began: false, end });
      over.add(nameOf(of));
    },
    start,
    hindrance,
    output(of, offset) {
      const record = records.load(nameOf(of));
      return record ? outputChunk(logPath(of), offset, record.total, true) : undefined;
    },
    prune(isKnown) {
      if (over.size <= KEPT + PRUNE_SLACK) return;
      const oldest = new Set([...over].slice(0, over.size - KEPT).filter((name) => !isKnown(name)));
      for (const name of oldest) {
        keep(name, () => removeOutput(join(dir, `${name}.log`)));
        over.delete(name);
      }
      keep('those that are forgotten', () => records.forget(oldest));
    },
  };
}

/** For an attempt that was ended by what happened to its runner. */
export const lostEnd = (error: string): JobEnd => ({
  ...{ outcome: 'lost', exitCode: null, signal: null, error, outputTail: '', outputBytes: 0 },
});

const STOPPED: Readonly<Record<StopReason, { readonly outcome: 'cancelled' | 'lost'; readonly error: string }>> = {
  cancelled: { outcome: 'cancelled', error: '' },
  lost: { outcome: 'lost', error: 'its runner had lost the cluster, and killed it' },
  stopped: { outcome: 'lost', error: 'its runner was stopped' },
};

type End = Omit<JobEnd, 'outputTail' | 'outputBytes'> & { readonly began: boolean };

function watch(program: Spawned, spec: ExecSpec): { ended: Promise<End>; stop: (why: StopReason) => void } {
  const late = { outcome: 'timed_out' as const, error: `it ran longer than ${spec.timeout_seconds} s` };
  let cut: Pick<JobEnd, 'outcome' | 'error'> | undefined;
  function stop(why: typeof cut): void {
    cut ??= why;
    program.end(STOP_GRACE_MS);
  }
  const timer = setTimeout(() => stop(late), spec.timeout_seconds * 1000);
  const ended = program.ended.then(({ exitCode, signal, error, isLost, began }) => {
    clearTimeout(timer);
    const own = exitCode === 0 ? ('succeeded' as const) : ('failed' as const);
    return { outcome: isLost ? ('lost' as const) : own, error, exitCode, signal, began, ...cut };
  });
  return { ended, stop: (why) => stop(STOPPED[why]) };
}
