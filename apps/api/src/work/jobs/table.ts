import { JOB_STATES, type JobSpec } from '@quorate/shared/jobs';
import { isNotNull, isNull } from 'drizzle-orm';
import { index, integer, primaryKey, sqliteTable, text } from 'drizzle-orm/sqlite-core';

export const jobs = sqliteTable(
  'jobs',
  {
    /** Time-ordered (UUID v7). */
    id: text().primaryKey(),
    kind: text().notNull(),
    spec: text({ mode: 'json' }).$type<JobSpec>().notNull(),
    state: text({ enum: JOB_STATES }).notNull(),
    /**
     * Labels that its runner must have, as canonical JSON: jobs that the same runners can take are found together. `core`
     * for what the cluster does itself.
     */
    labels: text().notNull(),
    /** The priority, negated: the index gives the most urgent first. */
    rank: integer().notNull(),
    maxAttempts: integer('max_attempts').notNull(),
    backoffMs: integer('backoff_ms').notNull(),
    /** Of the attempt under way, or the last one; 0 before the first. */
    attempt: integer().notNull(),
    /** Attempts that do not count any more, since somebody asked for a retry. */
    forgiven: integer().notNull(),
    /** Who has the attempt under way; null when there is none. */
    runnerId: text('runner_id'),
    /** A queued job is not assigned before this time. */
    notBefore: integer('not_before').notNull(),
    cancelRequested: integer('cancel_requested', { mode: 'boolean' }).notNull(),
    outputTail: text('output_tail').notNull(),
    outputBytes: integer('output_bytes').notNull().default(0),
    /** The schedule that submitted it. */
    scheduleId: text('schedule_id'),
    createdBy: text('created_by').notNull(),
    createdAt: integer('created_at').notNull(),
    finishedAt: integer('finished_at'),
  },
  (table) => [
    // Partial: every change of a job's state would else write to all of them. A query says the same as their condition.
    index('jobs_open')
      .on(table.state, table.labels, table.rank, table.id, table.notBefore)
      .where(isNull(table.finishedAt)),
    index('jobs_ended').on(table.state, table.finishedAt, table.id).where(isNotNull(table.finishedAt)),
    index('jobs_runner').on(table.runnerId).where(isNotNull(table.runnerId)),
    index('jobs_schedule').on(table.scheduleId, table.state).where(isNotNull(table.scheduleId)),
  ],
);

/** Each time that a job was given to a runner. */
export const jobAttempts = sqliteTable(
  'job_attempts',
  {
    jobId: text('job_id')
      .notNull()
      .references(() => jobs.id, { onDelete: 'cascade' }),
    attempt: integer().notNull(),
    runnerId: text('runner_id').notNull(),
    assignedAt: integer('assigned_at').notNull(),
    startedAt: integer('started_at'),
    finishedAt: integer('finished_at'),
    outcome: text({ enum: ['running', 'succeeded', 'failed', 'timed_out', 'cancelled', 'lost'] }).notNull(),
    exitCode: integer('exit_code'),
    signal: text(),
    error: text().notNull(),
  },
  (table) => [primaryKey({ columns: [table.jobId, table.attempt] })],
);

/** One row: counting tens of thousands of jobs for each that is submitted would cost more than all else. */
export const jobTotals = sqliteTable('job_totals', {
  id: integer().primaryKey(),
  /** Jobs that are not finished. */
  open: integer().notNull(),
});

/** Jobs that are not over, and those that are. */
export const isOpen = isNull(jobs.finishedAt);
export const isOver = isNotNull(jobs.finishedAt);

export type JobRow = typeof jobs.$inferSelect;
export type AttemptRow = typeof jobAttempts.$inferSelect;
