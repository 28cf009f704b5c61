import { z } from 'zod';
import { nodeId, nodeName, uuidParam } from './names';
import { pageOf, pageQuery, timestamp } from './pagination';
import { defineRoute } from './route';

const labelKey = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9._/-]{0,61}[a-z0-9])?$/, 'use lower-case letters, digits, dots, dashes and slashes');
const labelValue = z.string().regex(/^[A-Za-z0-9._-]{0,63}$/, 'use letters, digits, dots, dashes and underscores');

/** What a runner says of itself, and what work may ask for. */
export const labelsSchema = z
  .record(labelKey, labelValue)
  .refine((labels) => Object.keys(labels).length <= 32, 'at most 32 labels');
export type Labels = Readonly<Record<string, string>>;

/** Whether a runner has every label that is asked for. */
export const hasLabels = (labels: Labels, wanted: Labels): boolean =>
  Object.entries(wanted).every(([key, value]) => labels[key] === value);

export const runnerSchema = z
  .object({
    id: z.uuid(),
    name: nodeName,
    node_id: nodeId.nullable().describe('The core node that it is embedded in; null for one of its own.'),
    labels: labelsSchema,
    capacity: z.int().describe('Jobs and replicas that it runs at once.'),
    drained: z.boolean().describe('Takes no new work.'),
    status: z.enum(['online', 'offline']),
    status_since: timestamp,
    problem: z.string().describe('Why it can begin no job now, and is given none; empty when it can.'),
    jobs: z.int().describe('Jobs that it has now.'),
    replicas: z.int().describe('Replicas of services that are placed on it.'),
    cpu_percent: z.number().nullable().describe('Of all its processors, as it last said; null when not known here.'),
    memory_percent: z.number().nullable(),
    measured_at: timestamp.nullable().describe('When it measured what is shown of its load; null when not known here.'),
    programs: z
      .array(
        z.object({
          kind: z.enum(['job', 'replica']),
          name: z.string().describe('Id of the job, or `service/slot`.'),
          cpu_percent: z.number().describe('100 is one processor.'),
          rss_bytes: z.number(),
          processes: z.int(),
        }),
      )
      .describe('What runs on it, by its last measurement.'),
    connected_to: z.array(nodeId).describe('Core nodes that it is connected to.'),
    version: z.string(),
    certificate_expires_at: timestamp.nullable(),
    joined_at: timestamp,
  })
  .meta({ id: 'Runner' });
export type Runner = z.infer<typeof runnerSchema>;

const common = { tag: 'Runners', params: uuidParam } as const;

export const runnerRoutes = {
  list: defineRoute({
    id: 'runners.list',
    method: 'get',
    path: '/v1/runners',
    access: 'viewer',
    tag: 'Runners',
    summary: 'Runners, by name',
    query: pageQuery,
    response: pageOf(runnerSchema),
  }),
  get: defineRoute({
    ...common,
    id: 'runners.get',
    method: 'get',
    path: '/v1/runners/{id}',
    access: 'viewer',
    summary: 'One runner',
    response: runnerSchema,
    errors: ['not_found'],
  }),
  drain: defineRoute({
    ...common,
    id: 'runners.drain',
    method: 'post',
    path: '/v1/runners/{id}/drain',
    access: 'operator',
    summary: 'Give it no new work; its replicas move away, its jobs finish',
    response: runnerSchema,
    errors: ['not_found'],
  }),
  resume: defineRoute({
    ...common,
    id: 'runners.resume',
    method: 'post',
    path: '/v1/runners/{id}/resume',
    access: 'operator',
    summary: 'Give it work again',
    response: runnerSchema,
    errors: ['not_found'],
  }),
  remove: defineRoute({
    ...common,
    id: 'runners.remove',
    method: 'delete',
    path: '/v1/runners/{id}',
    access: 'admin',
    summary: 'Forget a runner: its key opens nothing any more, its work goes elsewhere',
    errors: ['not_found', 'conflict'],
  }),
};
