import { MAX_JOB_SCHEDULES, MISSED_RUNS, OVERLAPS } from '@quorate/shared/job-schedules';
import { jobSpecSchema, MAX_OPEN_JOBS } from '@quorate/shared/jobs';
import { and, count, eq, inArray } from 'drizzle-orm';
import { z } from 'zod';
import { type ApplyContext, defineCommand } from '../../../commands/define-command';
import { DomainError } from '../../../commands/domain-error';
import { ifMatchField, requireMatch } from '../../../commands/precondition';
import type { StateDb } from '../../../db/state-store';
import { sha256Hex } from '../../../lib/hash';
import { retryFields } from '../commands';
import { insertJobs } from '../lifecycle';
import { openJobs } from '../queries';
import { jobs } from '../table';
import { jobSchedules, type ScheduleRow } from './table';

/** A run that is later than this counts as missed. */
const LATE_MS = 60_000;

const fields = {
  name: z.string().min(1).max(64),
  enabled: z.boolean(),
  cron: z.string().max(120),
  timeZone: z.string().max(64),
  spec: jobSpecSchema,
  priority: z.int(),
  ...retryFields,
  overlap: z.enum(OVERLAPS),
  missed: z.enum(MISSED_RUNS),
};

/** @throws DomainError not_found */
export function findSchedule(db: StateDb, id: string): ScheduleRow {
  const row = db.select().from(jobSchedules).where(eq(jobSchedules.id, id)).get();
  if (!row) throw new DomainError('not_found', `there is no schedule ${id}; see GET /v1/job-schedules`);
  return row;
}

/** Of what people have set; not of how it fares. */
export const scheduleEtag = ({ name, enabled, cron, timeZone, spec, priority, ...row }: ScheduleRow): string => {
  const set = [name, enabled, cron, timeZone, spec, priority, row.maxAttempts, row.backoffMs, row.overlap, row.missed];
  return `"${sha256Hex(JSON.stringify(set)).slice(0, 32)}"`;
};

function checkName(tx: StateDb, name: string, ownId: string): void {
  const other = tx.select({ id: jobSchedules.id }).from(jobSchedules).where(eq(jobSchedules.name, name)).get();
  if (other && other.id !== ownId) throw new DomainError('name_taken', `there is a schedule ${name} already`);
}

const changed = (ctx: ApplyContext, id: string, what: string): void =>
  ctx.event('job.schedule_changed', `${ctx.actor.name} ${what}`, { schedule: id });

export const createSchedule = defineCommand({
  type: 'job_schedules.create',
  since: 1,
  input: z.object({ id: z.uuid(), ...fields }),
  target: (input) => input.name,
  apply(tx, input, ctx) {
    checkName(tx, input.name, input.id);
    const there = tx.select({ n: count() }).from(jobSchedules).get()?.n ?? 0;
    if (there >= MAX_JOB_SCHEDULES) {
      throw new DomainError('conflict', `there are ${MAX_JOB_SCHEDULES} schedules already; delete some`);
    }
    const fresh = { revision: 1, doneUntil: ctx.at, lastDueAt: null, lastJobId: null, runs: 0 };
    const figures = { skippedRuns: 0, missedRuns: 0, createdBy: ctx.actor.name, createdAt: ctx.at, updatedAt: ctx.at };
    tx.insert(jobSchedules)
      .values({ ...input, ...fresh, ...figures })
      .run();
    changed(ctx, input.id, `created the job schedule ${input.name}: "${input.cron}" (${input.timeZone})`);
    return { id: input.id };
  },
});

/** A schedule that begins anew owes nothing for the time before it. */
const anew = (row: ScheduleRow, ctx: ApplyContext) => ({ revision: row.revision + 1, doneUntil: ctx.at });

export const updateSchedule = defineCommand({
  type: 'job_schedules.update',
  since: 1,
  input: z.object({ id: z.uuid(), ...fields, ifMatch: ifMatchField }),
  target: (input) => input.name,
  apply(tx, { id, ifMatch, ...input }, ctx) {
    const before = findSchedule(tx, id);
    requireMatch(ifMatch, scheduleEtag(before));
    checkName(tx, input.name, id);
    const moved = before.cron !== input.cron || before.timeZone !== input.timeZone || before.enabled !== input.enabled;
    tx.update(jobSchedules)
      .set({ ...input, ...(moved ? anew(before, ctx) : {}), updatedAt: ctx.at })
      .where(eq(jobSchedules.id, id))
      .run();
    changed(ctx, id, `changed the job schedule ${input.name}: "${input.cron}" (${input.timeZone})`);
  },
});

export const enableSchedule = defineCommand({
  type: 'job_schedules.enable',
  since: 1,
  input: z.object({ id: z.uuid(), enabled: z.boolean() }),
  target: (input) => input.id,
  apply(tx, { id, enabled }, ctx) {
    const before = findSchedule(tx, id);
    if (before.enabled === enabled) return;
    tx.update(jobSchedules)
      .set({ enabled, ...anew(before, ctx), updatedAt: ctx.at })
      .where(eq(jobSchedules.id, id))
      .run();
    changed(ctx, id, `${enabled ? 'enabled' : 'disabled'} the job schedule ${before.name}`);
  },
});

export const deleteSchedule = defineCommand({
  type: 'job_schedules.delete',
  since: 1,
  input: z.object({ id: z.uuid() }),
  target: (input) => input.id,
  apply(tx, { id }, ctx) {
    const { name } = findSchedule(tx, id);
    tx.delete(jobSchedules).where(eq(jobSchedules.id, id)).run();
    changed(ctx, id, `deleted the job schedule ${name}`);
  },
});

const jobOf = ({ id, spec, priority, maxAttempts, backoffMs }: ScheduleRow, jobId: string) => ({
  ...{ id: jobId, spec, priority, maxAttempts, backoffMs, scheduleId: id },
});

export const runScheduleNow = defineCommand({
  type: 'job_schedules.run',
  since: 1,
  input: z.object({ id: z.uuid(), jobId: z.uuid() }),
  target: (input) => input.id,
  apply(tx, { id, jobId }, ctx) {
    const row = findSchedule(tx, id);
    insertJobs(tx, [jobOf(row, jobId)], ctx);
    tx.update(jobSchedules)
      .set({ lastJobId: jobId, runs: row.runs + 1 })
      .where(eq(jobSchedules.id, id))
      .run();
    return { id: jobId };
  },
});

/** Submits what a schedule wants: whoever proposes it, and however often, once for each due time. */
export const runDueSchedule = defineCommand({
  type: 'job_schedules.run_due',
  since: 1,
  audited: false,
  input: z.object({
    id: z.uuid(),
    jobId: z.uuid(),
    dueAt: z.int(),
    /** Due times before this one for which nothing was done. */
    missed: z.int().min(0),
    /** Of the schedule that it was planned by. */
    revision: z.int(),
  }),
  apply(tx, { id, jobId, dueAt, missed, revision }, ctx) {
    const row = tx.select().from(jobSchedules).where(eq(jobSchedules.id, id)).get();
    if (!row?.enabled || row.revision !== revision || row.doneUntil >= dueAt || dueAt > ctx.at) {
      return { submitted: false };
    }
    const tooLate = row.missed === 'skip' && ctx.at - dueAt > LATE_MS;
    const lost = missed + (tooLate ? 1 : 0);
    const why = tooLate ? undefined : whySkipped(tx, row);
    const runs = tooLate || why !== undefined ? {} : { runs: row.runs + 1, lastJobId: jobId };
    tx.update(jobSchedules)
      .set({
        ...{ doneUntil: dueAt, lastDueAt: dueAt, missedRuns: row.missedRuns + lost },
        ...{ skippedRuns: row.skippedRuns + (why === undefined ? 0 : 1), ...runs },
      })
      .where(eq(jobSchedules.id, id))
      .run();
    if (lost > 0) {
      const times = lost === 1 ? 'one due time' : `${lost} due times`;
      const message = `${times} of the job schedule ${row.name} passed while no leader was there`;
      ctx.event('job.schedule_missed', message, { schedule: id, missed: lost });
    }
    if (why !== undefined) {
      const message = `the job schedule ${row.name} submitted nothing: ${why}`;
      ctx.event('job.schedule_skipped', message, { schedule: id });
    }
    if (tooLate || why !== undefined) return { submitted: false };
    insertJobs(tx, [jobOf(row, jobId)], ctx);
    return { submitted: true };
  },
});

function whySkipped(tx: StateDb, row: ScheduleRow): string | undefined {
  if (openJobs(tx) >= MAX_OPEN_JOBS) return `${MAX_OPEN_JOBS} jobs are open already`;
  if (row.overlap === 'allow') return undefined;
  const isOpen = and(eq(jobs.scheduleId, row.id), inArray(jobs.state, ['queued', 'assigned', 'running']));
  const open = tx.select({ id: jobs.id }).from(jobs).where(isOpen).limit(1).get();
  return open && `job ${open.id} of it is still open`;
}

export const jobScheduleCommands = [
  createSchedule,
  updateSchedule,
  enableSchedule,
  deleteSchedule,
  runScheduleNow,
  runDueSchedule,
];
