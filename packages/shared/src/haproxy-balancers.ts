import { z } from 'zod';
import { haproxyVersion } from './haproxy';
import { nodeName } from './names';
import { timestamp } from './pagination';
import { defineRoute } from './route';

/** How often a balancer says that it is there. */
export const BALANCER_REPORT_MS = 10_000;
export const MAX_BALANCERS = 64;

const etag = z.string().regex(/^"[0-9a-f]{32}"$/, 'the ETag of the configuration, quotes included');

const reported = {
  etag: etag.nullable().describe('ETag of the configuration that it runs; null while it runs none from here.'),
  made_for: haproxyVersion.nullable().describe('The version that it asks for; null = the one of the settings.'),
  state: z
    .enum(['applied', 'rejected', 'reload_failed'])
    .describe(
      '`rejected`: `haproxy -c` refused the newest configuration. `reload_failed`: the reload did, and the last good one runs again.',
    ),
  detail: z.string().max(1_000).describe('Why; empty when all is well.'),
  via: z
    .enum(['reload', 'runtime', 'file'])
    .describe(
      'How the last change got there. `runtime`: without a reload. `file`: nothing but comments changed, or nobody was told to reload.',
    ),
  haproxy_version: z.string().max(64).describe('As the program says; empty = unknown.'),
};

export const balancerReportSchema = z.object(reported).meta({ id: 'HaproxyBalancerReport' });
export type BalancerReport = z.infer<typeof balancerReportSchema>;

export const haproxyBalancerSchema = z
  .object({
    name: nodeName,
    status: z
      .enum(['current', 'stale', 'failing', 'silent'])
      .describe(
        '`current`: runs what the cluster would give it now. `stale`: still an older one. `failing`: it cannot take the newest one. `silent`: not heard from.',
      ),
    ...reported,
    revision: z.int().nullable().describe('The revision with that ETag; null when it was too short-lived to be kept.'),
    reported_by: z.string().describe('The API token or user.'),
    reported_at: timestamp.describe('When what it reports last changed.'),
    last_heard_at: timestamp.nullable().describe('By any node since it started; null = not yet.'),
  })
  .meta({ id: 'HaproxyBalancer' });
export type HaproxyBalancer = z.infer<typeof haproxyBalancerSchema>;

const nameParam = z.object({ name: nodeName });

export const balancerRoutes = {
  list: defineRoute({
    id: 'haproxy.balancers.list',
    method: 'get',
    path: '/v1/haproxy/balancers',
    access: 'viewer',
    tag: 'Load balancer',
    summary: 'Load balancers that report here, and which configuration each runs',
    response: z.object({ items: z.array(haproxyBalancerSchema) }),
  }),
  report: defineRoute({
    id: 'haproxy.balancers.report',
    method: 'put',
    path: '/v1/haproxy/balancers/{name}',
    access: 'viewer',
    tag: 'Load balancer',
    summary: 'Say which configuration a load balancer runs',
    description:
      'For API tokens of any role, which own the name that they report first, and for operators. The same report again is only noted as a sign of life.',
    params: nameParam,
    body: balancerReportSchema,
    response: haproxyBalancerSchema,
    errors: ['forbidden', 'conflict', 'too_many_requests'],
  }),
  remove: defineRoute({
    id: 'haproxy.balancers.remove',
    method: 'delete',
    path: '/v1/haproxy/balancers/{name}',
    access: 'operator',
    tag: 'Load balancer',
    summary: 'Forget a load balancer; one that still reports comes back',
    params: nameParam,
    errors: ['not_found'],
  }),
};
