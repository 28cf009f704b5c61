import { z } from 'zod';
import { defineRoute } from './route';

const checkSchema = z.object({ name: z.string(), ok: z.boolean(), detail: z.string() });
export const readinessSchema = z
  .object({ ready: z.boolean(), checks: z.array(checkSchema).optional() })
  .meta({ id: 'Readiness' });
export type Readiness = z.infer<typeof readinessSchema>;

export const healthRoutes = {
  live: defineRoute({
    id: 'health.live',
    method: 'get',
    path: '/livez',
    access: 'public',
    tag: 'Health',
    summary: 'The process answers',
    response: z.object({ live: z.literal(true) }),
  }),
  ready: defineRoute({
    id: 'health.ready',
    method: 'get',
    path: '/readyz',
    access: 'public',
    tag: 'Health',
    summary: 'The node can serve: state open, log read up to the tip, quorum reachable. 503 with the reason otherwise',
    query: z.object({ verbose: z.string().optional() }),
    response: readinessSchema,
  }),
  leader: defineRoute({
    id: 'health.leader',
    method: 'get',
    path: '/leaderz',
    access: 'public',
    tag: 'Health',
    summary: '200 on the leader, 503 elsewhere',
    response: z.object({ leader: z.literal(true) }),
  }),
  metrics: defineRoute({
    id: 'health.metrics',
    method: 'get',
    path: '/metrics',
    access: 'public',
    tag: 'Health',
    summary: 'Prometheus metrics (a bearer API token, or loopback)',
    contentType: 'text/plain; version=0.0.4',
  }),
};
