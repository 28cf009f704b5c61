import { MISSED_RUNS, OVERLAPS } from '@quorate/shared/job-schedules';
import type { JobSpec } from '@quorate/shared/jobs';
import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core';

export const jobSchedules = sqliteTable('job_schedules', {
  id: text().primaryKey(),
  name: text().notNull().unique(),
  enabled: integer({ mode: 'boolean' }).notNull(),
  cron: text().notNull(),
  timeZone: text('time_zone').notNull(),
  spec: text({ mode: 'json' }).$type<JobSpec>().notNull(),
  priority: integer().notNull(),
  maxAttempts: integer('max_attempts').notNull(),
  backoffMs: integer('backoff_ms').notNull(),
  overlap: text({ enum: OVERLAPS }).notNull(),
  missed: text({ enum: MISSED_RUNS }).notNull(),
  /** Grows when it begins anew: what was planned by an older one does not count. */
  revision: integer().notNull(),
  /** Due times up to this one are dealt with, ms. */
  doneUntil: integer('done_until').notNull(),
  lastDueAt: integer('last_due_at'),
  lastJobId: text('last_job_id'),
  runs: integer().notNull(),
  skippedRuns: integer('skipped_runs').notNull(),
  missedRuns: integer('missed_runs').notNull(),
  createdBy: text('created_by').notNull(),
  createdAt: integer('created_at').notNull(),
  updatedAt: integer('updated_at').notNull(),
});

export type ScheduleRow = typeof jobSchedules.$inferSelect;
