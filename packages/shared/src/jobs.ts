import { z } from 'zod';
import { uuidParam } from './names';
import { pageOf, pageQuery, timestamp } from './pagination';
import { defineRoute } from './route';
import { labelsSchema } from './runners';

export const JOB_STATES = ['queued', 'assigned', 'running', 'succeeded', 'failed', 'cancelled'] as const;
export type JobState = (typeof JOB_STATES)[number];
/** Nothing happens to these any more, unless somebody retries them. */
export const FINAL_JOB_STATES = ['succeeded', 'failed', 'cancelled'] as const satisfies readonly JobState[];

const argument = z
  .string()
  .max(8192)
  .refine((text) => !text.includes('\0'), 'no NUL');
const envName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, 'expected a name such as LOG_LEVEL');

/** A program and how it is started: without a shell, in an environment that holds nothing else. */
export const commandSchema = z.object({
  command: argument.min(1).describe('A program: an absolute path, or a name that the runner looks up in its PATH.'),
  args: z.array(argument).max(256).default([]),
  env: z
    .record(envName, argument)
    .refine((env) => Object.keys(env).length <= 64, 'at most 64 variables')
    .default({}),
});

export const execSpecSchema = commandSchema.extend({
  kind: z.literal('exec'),
  stdin: z.string().max(65_536).default(''),
  timeout_seconds: z.int().min(1).max(86_400).default(600).describe('After that the process group is killed.'),
  labels: labelsSchema.default({}).describe('Labels that the runner must have.'),
});
export type ExecSpec = z.infer<typeof execSpecSchema>;

export const jobSpecSchema = z.discriminatedUnion('kind', [execSpecSchema]);
export type JobSpec = z.infer<typeof jobSpecSchema>;

export const retrySchema = z
  .object({
    max_attempts: z.int().min(1).max(20).default(1),
    backoff_seconds: z.int().min(0).max(3600).default(5).describe('Before the second attempt; doubles each time.'),
  })
  .prefault({});

const attemptSchema = z.object({
  attempt: z.int(),
  runner: z.string(),
  assigned_at: timestamp,
  started_at: timestamp.nullable(),
  finished_at: timestamp.nullable(),
  outcome: z.enum(['running', 'succeeded', 'failed', 'timed_out', 'cancelled', 'lost']),
  exit_code: z.int().nullable(),
  signal: z.string().nullable(),
  error: z.string(),
});

export const jobSchema = z
  .object({
    id: z.uuid(),
    kind: z.string(),
    state: z.enum(JOB_STATES),
    waiting_for: z.string().nullable().describe('Why a queued job has no runner yet.'),
    spec: jobSpecSchema,
    priority: z.int(),
    retry: z.object({ max_attempts: z.int(), backoff_seconds: z.int() }),
    attempts: z.array(attemptSchema),
    not_before: timestamp.nullable(),
    output_tail: z.string().describe('The end of what the last attempt wrote, once that is over.'),
    cancel_requested: z.boolean(),
    created_by: z.string(),
    created_at: timestamp,
    finished_at: timestamp.nullable(),
  })
  .meta({ id: 'Job' });
export type Job = z.infer<typeof jobSchema>;

const one = { tag: 'Jobs', params: uuidParam } as const;

export const jobRoutes = {
  list: defineRoute({
    id: 'jobs.list',
    method: 'get',
    path: '/v1/jobs',
    access: 'viewer',
    tag: 'Jobs',
    summary: 'Jobs, newest first',
    query: pageQuery.extend({ state: z.enum(JOB_STATES).optional(), kind: z.string().max(64).optional() }),
    response: pageOf(jobSchema),
  }),
  get: defineRoute({
    ...one,
    id: 'jobs.get',
    method: 'get',
    path: '/v1/jobs/{id}',
    access: 'viewer',
    summary: 'One job with its attempts',
    response: jobSchema,
    errors: ['not_found'],
  }),
  create: defineRoute({
    id: 'jobs.create',
    method: 'post',
    path: '/v1/jobs',
    access: 'operator',
    tag: 'Jobs',
    summary: 'Submit a job',
    body: z.object({
      spec: jobSpecSchema,
      priority: z.int().min(-100).max(100).default(0).describe('Higher first.'),
      retry: retrySchema,
    }),
    response: jobSchema,
    status: 202,
    errors: ['overloaded'],
  }),
  cancel: defineRoute({
    ...one,
    id: 'jobs.cancel',
    method: 'post',
    path: '/v1/jobs/{id}/cancel',
    access: 'operator',
    summary: 'Cancel a job: one that runs gets its process group killed',
    response: jobSchema,
    status: 202,
    errors: ['not_found', 'conflict'],
  }),
  retry: defineRoute({
    ...one,
    id: 'jobs.retry',
    method: 'post',
    path: '/v1/jobs/{id}/retry',
    access: 'operator',
    summary: 'Run a failed or cancelled job again',
    response: jobSchema,
    status: 202,
    errors: ['not_found', 'conflict'],
  }),
  logs: defineRoute({
    ...one,
    id: 'jobs.logs',
    method: 'get',
    path: '/v1/jobs/{id}/logs',
    access: 'viewer',
    summary: 'Output of the last attempt; with follow=true as it comes (SSE)',
    query: z.object({ follow: z.enum(['true', 'false']).default('false') }),
    contentType: 'text/event-stream',
    errors: ['not_found'],
  }),
};
