import { z } from 'zod';
import { nodeId, serviceName, uuidParam } from './names';
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

/** Does what `POST /v1/backups` does, and ends when the backup has. */
const backupSpecSchema = z.object({
  kind: z.literal('backup'),
  target: z
    .union([z.literal('local'), z.uuid()], { error: 'expected local or the id of a target' })
    .default('local')
    .describe('Where to: `local` is the disk of the node that makes it.'),
  note: z.string().trim().max(200).default(''),
  node_id: nodeId.nullable().default(null).describe('The node that makes it; null = the leader.'),
});

/** Does what `POST /v1/services/restart` does, and ends when every replica is healthy again. */
const serviceRestartSpecSchema = z.object({
  kind: z.literal('service.restart'),
  services: z.array(serviceName).max(500).default([]).describe('Empty = all of them.'),
});

/**
 * What a job does. `exec` is executed by a runner; the other kinds by the cluster itself: a resource adds
 * one with a `JobKind` of the daemon.
 */
export const jobSpecSchema = z.discriminatedUnion('kind', [execSpecSchema, backupSpecSchema, serviceRestartSpecSchema]);
export type JobSpec = z.infer<typeof jobSpecSchema>;
export const JOB_KINDS: readonly JobSpec['kind'][] = jobSpecSchema.options.map(({ shape }) => shape.kind.value);
/** The runner of an attempt that the cluster makes itself. */
export const CORE_RUNNER = 'core';

export const MAX_OPEN_JOBS = 50_000;
/** In one request: with defaults, what they say has to fit into one entry of the log. */
export const MAX_JOBS_AT_ONCE = 200;
/** Succeeded and cancelled ones that are kept, of each; then the oldest go. */
export const KEPT_FINISHED_JOBS = 10_000;
export const KEPT_DEAD_LETTERS = 5_000;

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
    output_tail: z.string().describe('The end of what the last attempt wrote (16 KiB), once that is over.'),
    output_bytes: z.int().describe('All that it wrote, kept or not.'),
    schedule_id: z.uuid().nullable().describe('The schedule that submitted it.'),
    cancel_requested: z.boolean(),
    created_by: z.string(),
    created_at: timestamp,
    finished_at: timestamp.nullable(),
  })
  .meta({ id: 'Job' });
export type Job = z.infer<typeof jobSchema>;

/** What any new job says beside its spec. */
export const jobInput = {
  spec: jobSpecSchema,
  priority: z.int().min(-100).max(100).default(0).describe('Higher first.'),
  retry: retrySchema,
};

const counted = z.int().min(0);
export const jobSummarySchema = z
  .object({
    counts: z.record(z.enum(JOB_STATES), counted),
    dead_letters: counted.describe('Jobs whose attempts are used up: the failed ones.'),
    limits: z.object({ open: z.int(), kept_finished: z.int(), kept_dead_letters: z.int() }),
  })
  .meta({ id: 'JobSummary' });
export type JobSummary = z.infer<typeof jobSummarySchema>;

/** Events of `GET /v1/jobs/{id}/logs?follow=true`, by their name. */
export const jobLogEvents = {
  /** It has no runner yet, and why; again whenever the reason changes. */
  waiting: z.object({ state: z.enum(JOB_STATES), waiting_for: z.string().nullable() }),
  /** What follows is of this attempt. */
  attempt: z.object({ attempt: z.int(), runner: z.string() }),
  /** `text` begins at byte `offset`. What is not UTF-8 shows as U+FFFD; without follow the bytes come as they are. */
  output: z.object({ attempt: z.int(), offset: z.int(), text: z.string() }),
  /** These bytes are not kept any more, or cannot be had. */
  gap: z.object({ attempt: z.int(), offset: z.int(), bytes: z.int().nullable(), reason: z.string() }),
  /** The job is over; the stream ends with it. */
  end: z.object({
    state: z.enum(FINAL_JOB_STATES),
    attempt: z.int(),
    exit_code: z.int().nullable(),
    signal: z.string().nullable(),
    error: z.string(),
  }),
} as const;
export type JobLogEvents = { [Name in keyof typeof jobLogEvents]: z.infer<(typeof jobLogEvents)[Name]> };

const one = { tag: 'Jobs', params: uuidParam } as const;

export const jobRoutes = {
  list: defineRoute({
    id: 'jobs.list',
    method: 'get',
    path: '/v1/jobs',
    access: 'viewer',
    tag: 'Jobs',
    summary: 'Jobs, newest first',
    description: 'Dead letters are the jobs in state `failed`.',
    query: pageQuery.extend({
      state: z.enum(JOB_STATES).optional(),
      kind: z.string().max(64).optional(),
      schedule_id: z.uuid().optional(),
      runner_id: z.uuid().optional().describe('Those that this runner has now.'),
    }),
    response: pageOf(jobSchema),
  }),
  summary: defineRoute({
    id: 'jobs.summary',
    method: 'get',
    path: '/v1/jobs/summary',
    access: 'viewer',
    tag: 'Jobs',
    summary: 'How many jobs are in which state, and how many are kept',
    response: jobSummarySchema,
  }),
  retryDeadLetters: defineRoute({
    id: 'jobs.retry_dead_letters',
    method: 'post',
    path: '/v1/jobs/retry-dead-letters',
    access: 'operator',
    tag: 'Jobs',
    summary: 'Run dead letters again: all, or those that the filter names; oldest first, 1,000 at once',
    body: z.object({
      kind: z.string().max(64).optional(),
      schedule_id: z.uuid().optional(),
      before: timestamp.optional().describe('Only those that failed before this time.'),
    }),
    response: z.object({ retried: counted, left: counted.describe('Dead letters of the filter that are left.') }),
    status: 202,
    errors: ['overloaded'],
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
    description: 'With an Idempotency-Key a repeated request submits nothing more and answers with the same job.',
    body: z.object(jobInput),
    response: jobSchema,
    status: 202,
    errors: ['overloaded', 'not_found'],
  }),
  createBatch: defineRoute({
    id: 'jobs.create_batch',
    method: 'post',
    path: '/v1/jobs/batch',
    access: 'operator',
    tag: 'Jobs',
    summary: 'Submit many jobs at once: all of them, or none',
    description:
      'The ids come in the order of the jobs. All of them together have to fit into half a mebibyte, or 413 says by how much they do not. With an Idempotency-Key a repeated request submits nothing more and answers with the same ids.',
    body: z.object({ jobs: z.array(z.object(jobInput)).min(1).max(MAX_JOBS_AT_ONCE) }),
    response: z.object({ ids: z.array(z.uuid()) }),
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
    summary: 'What a job wrote: as it is, or with follow=true as it comes (server-sent events)',
    description:
      'Without `follow`: the bytes that are kept of an attempt (the first 256 KiB and at least the last 384 KiB), with a line where something was left out. The header X-Quorate-Output says where they are from: `runner`, or `tail` when the runner cannot be reached and only the end (16 KiB) that the cluster keeps is left. With `follow`: the events `waiting`, `attempt`, `output`, `gap` and `end`, over all further attempts until the job is over. An id is the attempt, a dot, and the number of bytes that came so far.',
    requestHeaders: { 'Last-Event-ID': 'The id of the last event that was seen: the stream goes on after it.' },
    query: z.object({
      follow: z.enum(['true', 'false']).default('false'),
      attempt: z.coerce.number().int().min(1).optional().describe('Default: the last one.'),
    }),
    contentType: 'text/event-stream',
    errors: ['not_found'],
  }),
};
