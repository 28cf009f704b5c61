import { z } from 'zod';
import { jobInput, jobSchema } from './jobs';
import { uuidParam } from './names';
import { pageOf, pageQuery, timestamp } from './pagination';
import { defineRoute, IF_MATCH } from './route';

export const MAX_JOB_SCHEDULES = 500;

export const OVERLAPS = ['skip', 'allow'] as const;
export const MISSED_RUNS = ['run_latest', 'skip'] as const;

const scheduleInput = z.object({
  name: z.string().trim().min(1).max(64),
  enabled: z.boolean().default(true),
  cron: z.string().trim().min(1).max(120).describe('Cron expression of five fields, or six with seconds first.'),
  time_zone: z
    .string()
    .min(1)
    .max(64)
    .default('UTC')
    .describe('IANA time zone of the expression, such as Europe/Vienna.'),
  ...jobInput,
  overlap: z
    .enum(OVERLAPS)
    .default('skip')
    .describe('When a job of this schedule is still open: submit none (`skip`), or one more (`allow`).'),
  missed: z
    .enum(MISSED_RUNS)
    .default('run_latest')
    .describe(
      'Due times that passed while nobody could submit (no leader, no quorum, all nodes off): `run_latest` submits one job for the last of them, `skip` none when it is over a minute late.',
    ),
});

export const jobScheduleSchema = z
  .object({
    id: z.uuid(),
    ...scheduleInput.shape,
    retry: z.object({ max_attempts: z.int(), backoff_seconds: z.int() }),
    next_run_at: timestamp.nullable(),
    last_due_at: timestamp.nullable(),
    last_job_id: z.uuid().nullable().describe('Of the last run; it may be pruned by now.'),
    runs: z.int(),
    skipped_runs: z.int().describe('Due times for which nothing was submitted, since a job was still open.'),
    missed_runs: z.int().describe('Due times that passed while nobody could submit.'),
    created_by: z.string(),
    created_at: timestamp,
    updated_at: timestamp,
  })
  .meta({ id: 'JobSchedule' });
export type JobSchedule = z.infer<typeof jobScheduleSchema>;

const TAG = 'Jobs';
const one = { tag: TAG, params: uuidParam } as const;

export const jobScheduleRoutes = {
  list: defineRoute({
    id: 'job_schedules.list',
    method: 'get',
    path: '/v1/job-schedules',
    access: 'viewer',
    tag: TAG,
    summary: 'Schedules of jobs, by name',
    query: pageQuery,
    response: pageOf(jobScheduleSchema),
  }),
  get: defineRoute({
    ...one,
    id: 'job_schedules.get',
    method: 'get',
    path: '/v1/job-schedules/{id}',
    access: 'viewer',
    summary: 'One schedule, with an ETag',
    response: jobScheduleSchema,
    errors: ['not_found'],
  }),
  create: defineRoute({
    id: 'job_schedules.create',
    method: 'post',
    path: '/v1/job-schedules',
    access: 'operator',
    tag: TAG,
    summary: 'Submit a job at each due time of a cron expression',
    description:
      'Each due time is run once, whichever node leads. A new or changed schedule owes nothing for the past.',
    body: scheduleInput,
    response: jobScheduleSchema,
    status: 201,
    errors: ['name_taken', 'conflict', 'validation_failed'],
  }),
  update: defineRoute({
    ...one,
    id: 'job_schedules.update',
    method: 'put',
    path: '/v1/job-schedules/{id}',
    access: 'operator',
    summary: 'Replace a schedule',
    requestHeaders: IF_MATCH,
    body: scheduleInput,
    response: jobScheduleSchema,
    errors: ['not_found', 'name_taken', 'precondition_failed', 'validation_failed'],
  }),
  enable: defineRoute({
    ...one,
    id: 'job_schedules.enable',
    method: 'post',
    path: '/v1/job-schedules/{id}/enable',
    access: 'operator',
    summary: 'Go on with it; due times that passed meanwhile are not run',
    response: jobScheduleSchema,
    errors: ['not_found'],
  }),
  disable: defineRoute({
    ...one,
    id: 'job_schedules.disable',
    method: 'post',
    path: '/v1/job-schedules/{id}/disable',
    access: 'operator',
    summary: 'Submit nothing more; jobs that are open go on',
    response: jobScheduleSchema,
    errors: ['not_found'],
  }),
  run: defineRoute({
    ...one,
    id: 'job_schedules.run',
    method: 'post',
    path: '/v1/job-schedules/{id}/run',
    access: 'operator',
    summary: 'Submit its job now, beside its due times',
    response: jobSchema,
    status: 202,
    errors: ['not_found', 'overloaded'],
  }),
  remove: defineRoute({
    ...one,
    id: 'job_schedules.delete',
    method: 'delete',
    path: '/v1/job-schedules/{id}',
    access: 'operator',
    summary: 'Delete a schedule; its jobs stay',
    errors: ['not_found'],
  }),
};
