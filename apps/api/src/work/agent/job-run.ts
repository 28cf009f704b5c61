import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecSpec } from '@quorate/shared/jobs';
import { type JobEnd, jobEndSchema } from '@quorate/shared/runner-protocol';
import { z } from 'zod';
import type { Logger } from '../../lib/logger';
import { createOutputLog, readOutput, readTail, removeOutput } from './output-log';
import { endLeftover, identityOf, type ProcessGroup, startProgram } from './process-group';

const STOP_GRACE_MS = 5_000;
/** Attempts whose output is kept. */
const KEPT = 300;
const PRUNE_SLACK = 50;

/** What is on disk of an attempt: before its program is started, and once it has ended. */
const recordSchema = z.object({
  pid: z.int().nullable(),
  startTime: z.string(),
  total: z.int(),
  end: jobEndSchema.nullable(),
});
type JobRecord = z.infer<typeof recordSchema>;

export interface JobRun {
  readonly ended: Promise<JobEnd>;
  /** Ends the process group. `why` becomes the outcome. */
  cancel(): void;
  output(): Buffer;
}

export interface AttemptId {
  readonly id: string;
  readonly attempt: number;
}

/** The attempts of one runner on its disk: what it has begun is known after it was killed, too. */
export interface JobStore {
  /** How an attempt ended that an earlier process began: it is ended now if it still ran. Undefined: it was never begun. */
  recover(of: AttemptId): JobEnd | undefined;
  start(of: AttemptId, spec: ExecSpec): JobRun;
  output(of: AttemptId): Buffer | undefined;
  /** Forgets the oldest attempts beyond those that are kept for their output. */
  prune(): void;
}

export function createJobStore({ dir, logger }: { dir: string; logger: Logger }): JobStore {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const base = ({ id, attempt }: AttemptId): string => join(dir, `${id}.${attempt}`);
  const recordPath = (of: AttemptId): string => `${base(of)}.json`;
  const logPath = (of: AttemptId): string => `${base(of)}.log`;
  // Whole after a kill -9. Not synced: a power cut ends the programs, too, and is told by the boot id.
  function save(of: AttemptId, record: JobRecord): void {
    writeFileSync(`${recordPath(of)}.new`, JSON.stringify(record), { mode: 0o600 });
    renameSync(`${recordPath(of)}.new`, recordPath(of));
  }
  const load = (of: AttemptId): JobRecord | undefined =>
    existsSync(recordPath(of)) ? recordSchema.parse(JSON.parse(readFileSync(recordPath(of), 'utf8'))) : undefined;

  return {
    recover(of) {
      const record = load(of);
      if (!record) return undefined;
      if (record.end) return record.end;
      if (record.pid !== null) endLeftover({ pid: record.pid, startTime: record.startTime });
      const error = 'the runner was restarted while it ran';
      return { outcome: 'failed', exitCode: null, signal: null, error, outputTail: '' };
    },
    start(of, spec) {
      save(of, { pid: null, startTime: '', total: 0, end: null });
      const log = createOutputLog(logPath(of));
      const group = startProgram(spec, { cwd: dir, onOutput: (chunk) => log.write(chunk), logger });
      const identity = group.pid === undefined ? undefined : identityOf(group.pid);
      if (identity) save(of, { ...identity, total: 0, end: null });
      const { ended, cancel } = watch(group, spec);
      return {
        cancel,
        output: () => readOutput(logPath(of), log.total),
        ended: ended.then((end) => {
          log.close();
          const whole = { ...end, outputTail: readTail(logPath(of), log.total) };
          save(of, { pid: null, startTime: '', total: log.total, end: whole });
          return whole;
        }),
      };
    },
    output(of) {
      const record = load(of);
      return record ? readOutput(logPath(of), record.total) : undefined;
    },
    prune() {
      const records = readdirSync(dir).filter((name) => name.endsWith('.json'));
      if (records.length <= KEPT + PRUNE_SLACK) return;
      // The ids are ordered by time.
      for (const name of records.sort().slice(0, records.length - KEPT)) {
        const path = join(dir, name.slice(0, -'.json'.length));
        if (recordSchema.parse(JSON.parse(readFileSync(`${path}.json`, 'utf8'))).end === null) continue;
        rmSync(`${path}.json`);
        removeOutput(`${path}.log`);
      }
    },
  };
}

function watch(
  group: ProcessGroup,
  spec: ExecSpec,
): { ended: Promise<Omit<JobEnd, 'outputTail'>>; cancel: () => void } {
  let stopped: 'timed_out' | 'cancelled' | undefined;
  const stop = (why: 'timed_out' | 'cancelled'): void => {
    stopped ??= why;
    group.end(STOP_GRACE_MS);
  };
  const timer = setTimeout(() => stop('timed_out'), spec.timeout_seconds * 1000);
  const ended = group.ended.then(({ exitCode, signal, error }) => {
    clearTimeout(timer);
    const outcome = stopped ?? (exitCode === 0 ? ('succeeded' as const) : ('failed' as const));
    const late = stopped === 'timed_out' ? `it ran longer than ${spec.timeout_seconds} s` : '';
    return { outcome, exitCode, signal, error: error || late };
  });
  return { ended, cancel: () => stop('cancelled') };
}
