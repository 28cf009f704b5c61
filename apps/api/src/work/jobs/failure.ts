import type { JobSpec } from '@quorate/shared/jobs';
import { and, eq } from 'drizzle-orm';
import type { StateDb } from '../../db/state-store';
import { runners } from '../../resources/runners/table';
import { jobSchedules } from './schedules/table';
import { type AttemptRow, type JobRow, jobAttempts } from './table';

const MAX_NAME = 120;
const MAX_WHY = 300;
const cut = (text: string, max: number): string => (text.length > max ? `${text.slice(0, max)}…` : text);

/** What a job does, in few words. Never its arguments, environment or input: they may hold secrets. */
function workOf(spec: JobSpec): string {
  if (spec.kind === 'exec') return `exec ${cut(spec.command, MAX_NAME)}`;
  if (spec.kind === 'service.restart')
    return `${spec.kind} of ${cut(spec.services.join(', '), MAX_NAME) || 'all services'}`;
  return spec.kind;
}

function causeOf({ outcome, exitCode, signal, error }: AttemptRow): string {
  if (error !== '') return cut(error, MAX_WHY);
  if (signal !== null) return `it was killed by ${signal}`;
  return exitCode === null ? outcome.replaceAll('_', ' ') : `exit code ${exitCode}`;
}

/** A sentence that is understood without the job: what it was, where, how it ended. Pure over the state. */
export function failureOf(tx: StateDb, job: JobRow): string {
  const { id, attempt, forgiven, scheduleId } = job;
  const last = tx
    .select({ attempt: jobAttempts, runner: runners.name })
    .from(jobAttempts)
    .leftJoin(runners, eq(runners.id, jobAttempts.runnerId))
    .where(and(eq(jobAttempts.jobId, id), eq(jobAttempts.attempt, attempt)))
    .get();
  const schedule = scheduleId === null ? undefined : scheduleNamed(tx, scheduleId);
  const of = schedule === undefined ? '' : ` of the schedule ${schedule}`;
  const where = last?.runner ? ` on ${last.runner}` : '';
  const made = attempt - forgiven;
  const after = `after ${made} ${made === 1 ? 'attempt' : 'attempts'}`;
  const cause = last ? `: ${causeOf(last.attempt)}` : '';
  return `job ${id}${of} (${workOf(job.spec)}) failed${where} ${after}${cause}`;
}

const scheduleNamed = (tx: StateDb, id: string): string | undefined =>
  tx.select({ name: jobSchedules.name }).from(jobSchedules).where(eq(jobSchedules.id, id)).get()?.name;
