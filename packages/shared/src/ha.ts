import { z } from 'zod';
import { nodeId, serviceName } from './names';
import { pageOf, pageQuery, timestamp } from './pagination';
import { defineRoute, IF_MATCH } from './route';

/** HA mode needs so many voting core nodes, and system services run in at least so many replicas. */
export const HA_MIN_NODES = 3;
export const HA_DEFAULTS = { enabled: false, system_replicas: 3, failover_seconds: 30 } as const;

export const HA_UPDATE_STATES = ['running', 'completed', 'failed', 'cancelled'] as const;
export const HA_STEP_STATES = ['waiting', 'draining', 'restarting', 'checking', 'done', 'failed'] as const;

export const haSettingsSchema = z.object({
  enabled: z.boolean(),
  system_replicas: z.int().min(HA_MIN_NODES).max(1_000).describe('Replicas of each system service, on distinct nodes.'),
  failover_seconds: z
    .int()
    .min(10)
    .max(300)
    .describe('How long a runner is offline before its replicas go elsewhere. Holds without HA mode, too.'),
});

const place = { service: serviceName, slot: z.int(), runner: z.string().describe('The name of the runner.') };

export const pendingMoveSchema = z.object({
  ...place,
  runner_id: z.uuid(),
  offline_since: timestamp,
  moves_at: timestamp.describe('It stays when the runner is back before.'),
  reason: z.string().describe('Why it is where it is: when it goes, or since it is due, what stands against it.'),
});

export const haFailoverSchema = z
  .object({
    id: z.int(),
    ...place,
    to_runner: z.string(),
    offline_at: timestamp.describe('When the runner was found to be gone.'),
    due_at: timestamp.describe('offline_at plus failover_seconds, as they were then.'),
    moved_at: timestamp.describe('When it was placed elsewhere: never before due_at.'),
    late_ms: z.int().describe('moved_at less due_at. Large when no other runner had room.'),
    healthy_at: timestamp.nullable(),
  })
  .meta({ id: 'HaFailover' });
export type HaFailover = z.infer<typeof haFailoverSchema>;

export const haUpdateSchema = z
  .object({
    id: z.uuid(),
    state: z.enum(HA_UPDATE_STATES),
    detail: z.string().describe('What it waits for, or why it stopped.'),
    started_by: z.string(),
    started_at: timestamp,
    finished_at: timestamp.nullable(),
    ill_before: z
      .array(z.object({ service: serviceName, slot: z.int(), reason: z.string() }))
      .describe('Replicas that failed when it began and have not been well since: they do not stop it.'),
    nodes: z.array(
      z.object({
        node_id: nodeId,
        name: z.string(),
        state: z.enum(HA_STEP_STATES),
        detail: z.string(),
        since: timestamp.describe('Since when it is in this state.'),
      }),
    ),
  })
  .meta({ id: 'HaUpdate' });
export type HaUpdate = z.infer<typeof haUpdateSchema>;

export const haSchema = haSettingsSchema
  .extend({
    revision: z.int(),
    nodes: z.int().describe('Voting core nodes.'),
    nodes_needed: z.int(),
    warning: z.string().describe('What stands against the promise of HA mode now; empty when nothing does.'),
    pending_moves: z.array(pendingMoveSchema),
    update: haUpdateSchema.nullable().describe('The last one.'),
    updated_at: timestamp.nullable(),
  })
  .meta({ id: 'HaMode' });
export type HaMode = z.infer<typeof haSchema>;

export const haRoutes = {
  get: defineRoute({
    id: 'ha.get',
    method: 'get',
    path: '/v1/ha',
    access: 'viewer',
    tag: 'HA mode',
    summary: 'HA mode: settings, replicas that are about to move, the last update',
    response: haSchema,
  }),
  put: defineRoute({
    id: 'ha.put',
    method: 'put',
    path: '/v1/ha',
    access: 'admin',
    tag: 'HA mode',
    summary: 'Set HA mode; honours If-Match',
    body: haSettingsSchema,
    requestHeaders: IF_MATCH,
    response: haSchema,
    errors: ['too_few_nodes', 'precondition_failed'],
  }),
  failovers: defineRoute({
    id: 'ha.failovers',
    method: 'get',
    path: '/v1/ha/failovers',
    access: 'viewer',
    tag: 'HA mode',
    summary: 'Replicas that moved since their runner failed, newest first, with when it was due and when it was done',
    query: pageQuery,
    response: pageOf(haFailoverSchema),
  }),
  update: defineRoute({
    id: 'ha.update',
    method: 'post',
    path: '/v1/ha/update',
    access: 'admin',
    tag: 'HA mode',
    summary: 'Update the nodes one by one, or go on where the last update stopped',
    description:
      'Each node in turn is taken out of the load balancer, what its runner has begins anew, and only when node and replicas are healthy it goes back and the next one begins. A failure stops the update; the same call goes on with the node that failed. Replicas that failed already when it began do not stop it (`ill_before`).',
    body: z.object({
      from_start: z.boolean().default(false).describe('Begin with the first node even where the last update stopped.'),
    }),
    response: haUpdateSchema,
    status: 202,
    errors: ['too_few_nodes', 'conflict'],
  }),
  cancelUpdate: defineRoute({
    id: 'ha.cancel_update',
    method: 'post',
    path: '/v1/ha/update/cancel',
    access: 'admin',
    tag: 'HA mode',
    summary: 'Stop the update: the node that it is at goes back into service',
    response: haUpdateSchema,
    status: 202,
    errors: ['conflict'],
  }),
};
