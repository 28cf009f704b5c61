import { z } from 'zod';
import { commandSchema } from './jobs';
import { serviceName } from './names';
import { pageOf, pageQuery, timestamp } from './pagination';
import { defineRoute, IF_MATCH } from './route';
import { labelsSchema } from './runners';

export const MAX_REPLICAS = 1_000;
const replicas = z.int().min(0).max(MAX_REPLICAS);

const probe = {
  interval_seconds: z.int().min(1).max(300).default(5),
  timeout_seconds: z.int().min(1).max(60).default(2),
  healthy_after: z.int().min(1).max(10).default(1).describe('Successes in a row.'),
  unhealthy_after: z.int().min(1).max(10).default(3).describe('Failures in a row; then it is started anew.'),
  start_seconds: z.int().min(1).max(600).default(30).describe('Time to become healthy before it counts as failed.'),
};
const healthSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('none') }),
  z.object({ type: z.literal('tcp'), port: z.string(), ...probe }),
  z.object({
    type: z.literal('http'),
    port: z.string(),
    path: z.string().startsWith('/').max(1024).default('/'),
    ...probe,
  }),
  z.object({ type: z.literal('exec'), ...commandSchema.pick({ command: true, args: true }).shape, ...probe }),
]);

export const serviceSpecSchema = commandSchema
  .extend({
    ports: z
      .array(z.string().regex(/^[a-z][a-z0-9_]{0,30}$/, 'a name such as http'))
      .max(8)
      .default([])
      .describe('Each replica gets a free port of its runner for each, as PORT_HTTP (and PORT for the first).'),
    health: healthSchema.default({ type: 'none' }),
    stop_grace_seconds: z.int().min(0).max(600).default(10),
    labels: labelsSchema.default({}),
    max_unavailable: z
      .int()
      .min(1)
      .max(100)
      .default(1)
      .describe('Replicas that may be away at once in a rolling update.'),
    publish: z.string().default('').describe('The port that the load balancer sends traffic to; empty = none.'),
  })
  .superRefine((spec, ctx) => {
    const { health, ports, publish } = spec;
    if ('port' in health && !ports.includes(health.port)) {
      ctx.addIssue({ code: 'custom', path: ['health', 'port'], message: 'name one of the ports' });
    }
    if (publish !== '' && !ports.includes(publish)) {
      ctx.addIssue({ code: 'custom', path: ['publish'], message: 'name one of the ports' });
    }
  });
export type ServiceSpec = z.infer<typeof serviceSpecSchema>;

export const autoscalingSchema = z
  .object({
    enabled: z.boolean(),
    min: z.int().min(1).max(MAX_REPLICAS).optional(),
    max: z.int().min(1).max(MAX_REPLICAS).optional(),
    target_cpu_percent: z.int().min(1).max(100).optional(),
    target_queue_length: z.int().min(1).max(100_000).optional().describe('Queued jobs a replica.'),
    queue_labels: labelsSchema
      .default({})
      .describe('The queued jobs that count: those that ask for all of these labels; empty = every queued job.'),
    stabilization_seconds: z
      .int()
      .min(10)
      .max(3600)
      .default(60)
      .describe('Fewer replicas only when the load asked for no more during all of this time.'),
  })
  .superRefine(({ enabled, min, max, target_cpu_percent: cpu, target_queue_length: queue }, ctx) => {
    if (!enabled) return;
    const need = (field: string, message: string): void => ctx.addIssue({ code: 'custom', path: [field], message });
    if (min === undefined) need('min', 'give the least number of replicas');
    if (max === undefined) need('max', 'give the largest number of replicas');
    if (min !== undefined && max !== undefined && max < min) need('max', 'must not be below min');
    if ((cpu === undefined) === (queue === undefined)) need('target_cpu_percent', 'give this or target_queue_length');
  });

/** What the autoscaler made of the load: each change, and each new reason for none. */
export const scalingDecisionSchema = z.object({
  at: timestamp,
  from: z.int(),
  to: z.int().describe('The same as from: nothing was changed, for this reason.'),
  metric: z.enum(['cpu', 'queue']),
  value: z
    .number()
    .nullable()
    .describe('Mean CPU percent of the replicas, or queued jobs; null while it is not known.'),
  target: z.number(),
  reason: z.string(),
});
export type ScalingDecision = z.infer<typeof scalingDecisionSchema>;
export type Autoscaling = z.infer<typeof autoscalingSchema>;

export const REPLICA_STATES = ['pending', 'starting', 'healthy', 'unhealthy', 'backing_off', 'stopping'] as const;
export const ROLLOUT_STATES = ['idle', 'running', 'failed', 'rolled_back'] as const;

const replicaSchema = z.object({
  slot: z.int(),
  generation: z.int().describe('Of its placement: grows with each one, and is the same for no two.'),
  runner: z.string().nullable().describe('The name of the runner that has it; null while nobody has.'),
  runner_id: z.uuid().nullable(),
  runner_online: z.boolean().describe('False: the state is the last that its runner told.'),
  state: z.enum(REPLICA_STATES),
  reason: z
    .string()
    .describe(
      'Why it is pending, backing off, about to go elsewhere or still of an older revision; empty when all is well.',
    ),
  revision: z.int(),
  ports: z.record(z.string(), z.int()),
  restarts: z.int(),
  since: timestamp,
  moves_at: timestamp.nullable().describe('When it goes elsewhere, while its runner is offline.'),
});

export const serviceSchema = z
  .object({
    name: serviceName,
    spec: serviceSpecSchema,
    system: z.boolean().describe('Runs at system_replicas on distinct nodes while HA mode is on.'),
    replicas: z.object({ desired: z.int(), placed: z.int(), healthy: z.int() }),
    revision: z.int(),
    rollout: z.object({
      state: z
        .enum(ROLLOUT_STATES)
        .describe('rolled_back: the last update failed, and the revision before it runs, or is on its way.'),
      updated: z.int().describe('Replicas that have the revision and are healthy.'),
      waiting: z
        .int()
        .describe('Replicas that are well and wait for their turn to be replaced; each says so in its reason.'),
      detail: z.string(),
      since: timestamp,
    }),
    autoscaling: autoscalingSchema.nullable(),
    instances: z.array(replicaSchema),
    created_at: timestamp,
    updated_at: timestamp,
  })
  .meta({ id: 'Service' });
export type Service = z.infer<typeof serviceSchema>;

const revisionSchema = z.object({
  revision: z.int(),
  spec: serviceSpecSchema,
  failure: z.string().describe('Why it was rolled back; empty for one that was not.'),
  created_by: z.string(),
  created_at: timestamp,
});

/** Events of `GET /v1/services/{name}/replicas/{slot}/logs?follow=true`, by their name. */
export const replicaLogEvents = {
  /** Where the slot is and how it fares; again with each change. What follows is of this generation. */
  replica: z.object({
    generation: z.int(),
    runner: z.string().nullable(),
    state: z.enum(REPLICA_STATES),
    reason: z.string(),
  }),
  /** `text` begins at byte `offset` of all that the generation wrote. */
  output: z.object({ generation: z.int(), offset: z.int(), text: z.string() }),
  /** These bytes are not kept any more. */
  gap: z.object({ generation: z.int(), offset: z.int(), bytes: z.int() }),
  /** There is no such slot any more; the stream ends with it. */
  end: z.object({ reason: z.string() }),
} as const;
export type ReplicaLogEvents = { [Name in keyof typeof replicaLogEvents]: z.infer<(typeof replicaLogEvents)[Name]> };

const nameParam = z.object({ name: serviceName });
const one = { tag: 'Services', params: nameParam, response: serviceSchema } as const;

export const serviceRoutes = {
  list: defineRoute({
    id: 'services.list',
    method: 'get',
    path: '/v1/services',
    access: 'viewer',
    tag: 'Services',
    summary: 'Services, by name',
    query: pageQuery.extend({
      runner_id: z.uuid().optional().describe('Those that have a replica on this runner.'),
    }),
    response: pageOf(serviceSchema),
  }),
  get: defineRoute({
    ...one,
    id: 'services.get',
    method: 'get',
    path: '/v1/services/{name}',
    access: 'viewer',
    summary: 'One service with its replicas',
    errors: ['not_found'],
  }),
  create: defineRoute({
    id: 'services.create',
    method: 'post',
    path: '/v1/services',
    access: 'operator',
    tag: 'Services',
    summary: 'Run a service',
    body: z.object({
      name: serviceName,
      spec: serviceSpecSchema,
      replicas: replicas.default(1),
      system: z.boolean().default(false),
    }),
    response: serviceSchema,
    status: 201,
    errors: ['name_taken'],
  }),
  update: defineRoute({
    ...one,
    id: 'services.update',
    method: 'put',
    path: '/v1/services/{name}',
    access: 'operator',
    summary: 'Roll out another specification; honours If-Match',
    body: z.object({ spec: serviceSpecSchema, system: z.boolean() }),
    requestHeaders: IF_MATCH,
    errors: ['not_found', 'precondition_failed'],
  }),
  revisions: defineRoute({
    id: 'services.revisions',
    method: 'get',
    path: '/v1/services/{name}/revisions',
    access: 'viewer',
    tag: 'Services',
    summary: 'Specifications that a service had, newest first; the last twenty are kept',
    params: nameParam,
    response: z.object({ items: z.array(revisionSchema) }),
    errors: ['not_found'],
  }),
  remove: defineRoute({
    id: 'services.remove',
    method: 'delete',
    path: '/v1/services/{name}',
    access: 'operator',
    tag: 'Services',
    summary: 'Stop and forget a service',
    params: nameParam,
    errors: ['not_found'],
  }),
  scale: defineRoute({
    ...one,
    id: 'services.scale',
    method: 'put',
    path: '/v1/services/{name}/scale',
    access: 'operator',
    summary: 'Set how many replicas run',
    body: z.object({ replicas }),
    errors: ['not_found', 'autoscaling_enabled', 'conflict'],
  }),
  scaleAll: defineRoute({
    id: 'services.scale_all',
    method: 'put',
    path: '/v1/services/scale',
    access: 'operator',
    tag: 'Services',
    summary: 'Set how many replicas of every service run',
    body: z.object({ replicas }),
    response: z.object({ services: z.array(serviceName) }),
    errors: ['autoscaling_enabled'],
  }),
  autoscaling: defineRoute({
    ...one,
    id: 'services.autoscaling',
    method: 'put',
    path: '/v1/services/{name}/autoscaling',
    access: 'operator',
    summary: 'Let the load decide how many replicas run',
    body: autoscalingSchema,
    errors: ['not_found'],
  }),
  decisions: defineRoute({
    id: 'services.autoscaling_decisions',
    method: 'get',
    path: '/v1/services/{name}/autoscaling/decisions',
    access: 'viewer',
    tag: 'Services',
    summary: 'What autoscaling decided, and why; newest first',
    params: nameParam,
    query: pageQuery,
    response: pageOf(scalingDecisionSchema),
    errors: ['not_found'],
  }),
  replicaLogs: defineRoute({
    id: 'services.replica_logs',
    method: 'get',
    path: '/v1/services/{name}/replicas/{slot}/logs',
    access: 'viewer',
    tag: 'Services',
    summary: 'What a replica wrote: as it is, or with follow=true as it comes (server-sent events)',
    description:
      'Its runner keeps at least the last 384 KiB of each generation. Without `follow`: those bytes. With `follow`: the events `replica`, `output`, `gap` and `end`, over all further generations of the slot. An id is the generation, a dot, and the number of bytes that came so far.',
    params: nameParam.extend({ slot: z.coerce.number().int().min(0) }),
    query: z.object({ follow: z.enum(['true', 'false']).default('false') }),
    requestHeaders: { 'Last-Event-ID': 'The id of the last event that was seen: the stream goes on after it.' },
    contentType: 'text/event-stream',
    errors: ['not_found'],
  }),
  restart: defineRoute({
    id: 'services.restart',
    method: 'post',
    path: '/v1/services/restart',
    access: 'operator',
    tag: 'Services',
    summary: 'Restart services, rolling',
    body: z.object({ services: z.array(serviceName).max(500).default([]).describe('Empty = all of them.') }),
    response: z.object({ services: z.array(serviceName) }),
    status: 202,
    errors: ['not_found'],
  }),
};
