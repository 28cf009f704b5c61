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
    errors: ['not_ready'],
    query: z.object({ verbose: z.string().optional().describe('Present, with any value: list every check.') }),
    response: readinessSchema,
  }),
  leader: defineRoute({
    id: 'health.leader',
    method: 'get',
    path: '/leaderz',
    access: 'public',
    tag: 'Health',
    summary: '200 on the leader, 503 elsewhere',
    errors: ['not_ready'],
    response: z.object({ leader: z.literal(true) }),
  }),
  metrics: defineRoute({
    id: 'health.metrics',
    method: 'get',
    path: '/metrics',
    access: 'public',
    tag: 'Health',
    summary: 'Prometheus metrics (a bearer API token, or loopback)',
    description: 'Open over loopback; from elsewhere it needs the token of any role.',
    errors: ['unauthenticated'],
    contentType: 'text/plain; version=0.0.4',
  }),
};
