import { CORE_RUNNER, FINAL_JOB_STATES, type JobLogEvents } from '@quorate/shared/jobs';
import type { OutputChunk, OutputRange } from '@quorate/shared/runner-protocol';
import { and, eq } from 'drizzle-orm';
import type { StateDb } from '../../../db/state-store';
import { getJob } from '../queries';
import { type AttemptRow, type JobRow, jobAttempts } from '../table';
import { createTextCutter } from './text-cutter';

export interface LogSource {
  readonly db: () => StateDb;
  /** Output from whoever has it: this node, or another. Undefined: nobody that can be reached does. */
  readonly read: (runnerId: string, range: OutputRange, signal: AbortSignal) => Promise<OutputChunk | undefined>;
  /** Name of a runner. */
  readonly nameOf: (runnerId: string) => string;
  readonly whyWaiting: (job: JobRow) => string | null;
  /** Resolves when the state has changed, and after `ms` anyhow. */
  readonly changed: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** Where a reader is: the attempt, and how many bytes of it came so far. */
export interface LogPlace {
  readonly attempt: number;
  readonly offset: number;
}

export type LogEvent = {
  readonly [Name in keyof JobLogEvents]: {
    readonly name: Name;
    readonly data: JobLogEvents[Name];
    /** Where it leaves the reader; not where nothing was read. */
    readonly place?: LogPlace;
  };
}[keyof JobLogEvents];

const WAIT_MS = 10_000;
const LOOK_MS = 1_000;
/** A runner has said that a program is over before the log has. */
const SETTLE_MS = 100;
const NOT_KEPT = 'it is not kept any more';

export function attemptOf(db: StateDb, id: string, attempt: number): AttemptRow | undefined {
  const where = and(eq(jobAttempts.jobId, id), eq(jobAttempts.attempt, attempt));
  return db.select().from(jobAttempts).where(where).get();
}

const isFinal = (state: JobRow['state']): state is (typeof FINAL_JOB_STATES)[number] =>
  FINAL_JOB_STATES.some((one) => one === state);

/** What a job writes, attempt by attempt, until it is over. Asks for more only when the last of it was taken. */
export async function* followJob(
  source: LogSource,
  id: string,
  from: LogPlace | undefined,
  signal: AbortSignal,
): AsyncGenerator<LogEvent> {
  let attempt = from?.attempt ?? 0;
  let reader = attempt > 0 ? readAttempt(source, id, { attempt, offset: from?.offset ?? 0 }, signal) : undefined;
  let told = '';
  while (!signal.aborted) {
    if (reader) yield* reader;
    reader = undefined;
    const job = getJob(source.db(), id);
    if (!job || signal.aborted) return;
    if (job.attempt > attempt) {
      // Whoever comes later begins with the last one; whoever is here already gets each.
      attempt = attempt === 0 ? job.attempt : attempt + 1;
      reader = readAttempt(source, id, { attempt, offset: 0 }, signal);
      told = '';
    } else if (isFinal(job.state)) {
      yield endOf(source.db(), job);
      return;
    } else {
      const waiting = { state: job.state, waiting_for: source.whyWaiting(job) };
      const text = JSON.stringify(waiting);
      if (text !== told && job.state === 'queued') yield { name: 'waiting', data: waiting };
      told = text;
      await source.changed(LOOK_MS, signal);
    }
  }
}

function endOf(db: StateDb, job: JobRow): LogEvent {
  const last = attemptOf(db, job.id, job.attempt);
  const { exitCode: exit_code = null, signal = null, error = '' } = last ?? {};
  const state = isFinal(job.state) ? job.state : 'failed';
  const data = { state, attempt: job.attempt, exit_code, signal, error };
  return { name: 'end', data };
}

type Events = AsyncGenerator<LogEvent>;

/** Everything that one attempt writes. Ends when it is over and nothing is left of it. */
async function* readAttempt(source: LogSource, id: string, from: LogPlace, signal: AbortSignal): Events {
  const { attempt } = from;
  const events = createAttemptEvents(from);
  let announced = false;
  while (!signal.aborted) {
    const [job, row] = [getJob(source.db(), id), attemptOf(source.db(), id, attempt)];
    if (!job || !row) return;
    const runner = source.nameOf(row.runnerId);
    if (!announced) yield events.attempt(runner);
    announced = true;
    const isOver = row.outcome !== 'running';
    const tail = isOver && job.attempt === attempt ? Buffer.from(job.outputTail) : undefined;
    // All of it: nobody needs to be asked.
    if (tail?.length === job.outputBytes) return yield* events.rest(tail, 0);
    const chunk = await ask(source, row, events.next, isOver, signal);
    if (chunk) {
      yield* events.chunk(chunk);
      if (chunk.ended && events.next >= chunk.total) return;
      if (chunk.data === '' && isOver) await source.changed(SETTLE_MS, signal);
    } else if (isOver) {
      const reason = `the output is with the runner ${runner}, which cannot be reached or has it no more`;
      if (tail) yield* events.rest(tail, job.outputBytes - tail.length, `only the end is left: ${reason}`);
      else yield events.gap(null, reason);
      return;
    } else await source.changed(LOOK_MS, signal);
  }
}

function ask(source: LogSource, row: AttemptRow, offset: number, isOver: boolean, signal: AbortSignal) {
  if (row.runnerId === CORE_RUNNER) return undefined;
  return source.read(
    row.runnerId,
    { id: row.jobId, attempt: row.attempt, offset, wait_ms: isOver ? 0 : WAIT_MS },
    signal,
  );
}

/** The events of one attempt, with the place where the reader is after each. */
function createAttemptEvents({ attempt, offset }: LogPlace) {
  const cutter = createTextCutter(offset);
  const place = (): LogPlace => ({ attempt, offset: cutter.offset });
  const output = (data: Buffer, isLast: boolean): LogEvent[] => {
    const { begin, text } = cutter.take(data, isLast);
    return text === '' ? [] : [{ name: 'output', data: { attempt, offset: begin, text }, place: place() }];
  };
  function gap(to: number | null, reason: string): LogEvent {
    const data = { attempt, offset: cutter.offset, bytes: to === null ? null : to - cutter.offset, reason };
    if (to !== null) cutter.skip(to);
    return { name: 'gap', data, place: place() };
  }
  return {
    get next() {
      return cutter.next;
    },
    gap,
    attempt: (runner: string): LogEvent => ({ name: 'attempt', data: { attempt, runner }, place: place() }),
    chunk(chunk: OutputChunk): LogEvent[] {
      const data = Buffer.from(chunk.data, 'base64');
      const isLast = chunk.ended && chunk.offset + data.length >= chunk.total;
      const missing = chunk.offset > cutter.next ? [gap(chunk.offset, NOT_KEPT)] : [];
      return [...missing, ...output(data, isLast)];
    },
    /** What the state has, which begins at byte `start`. */
    rest(tail: Buffer, start: number, why = NOT_KEPT): LogEvent[] {
      const missing = start > cutter.offset ? [gap(start, why)] : [];
      cutter.skip(cutter.offset);
      return [...missing, ...output(tail.subarray(Math.max(0, cutter.offset - start)), true)];
    },
  };
}
