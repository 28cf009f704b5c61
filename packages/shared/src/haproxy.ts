import { z } from 'zod';
import { pageOf, pageQuery, timestamp } from './pagination';
import { defineRoute } from './route';

export const HAPROXY_VERSIONS = ['2.4', '2.6', '2.8', '3.0', '3.1', '3.2', '3.3'] as const;
export const haproxyVersion = z.enum(HAPROXY_VERSIONS);

const bindAddress = z
  .string()
  .max(262)
  .regex(/^(\*|\[[0-9a-fA-F:]*\]|[A-Za-z0-9._-]*):\d{1,5}$/, 'expected address:port, :port or *:port');
const path = z
  .string()
  .max(512)
  .regex(/^\/[^\s"'\\]*$/, 'expected an absolute path without spaces or quotes');

export const haproxySettingsSchema = z
  .object({
    version: haproxyVersion.default('2.6'),
    bind: bindAddress.default('*:443'),
    /** `passthrough`: TCP to the nodes' own TLS. `terminate`: TLS ends at HAProxy. `plain`: HTTP only. */
    tls: z.enum(['passthrough', 'terminate', 'plain']).default('plain'),
    /** PEM with certificate and key on the load balancer's disk; needed for `terminate`. */
    certificate_path: path.nullable().default(null),
    /** CA file on the load balancer's disk used to verify the nodes when they serve TLS. */
    ca_path: path.default('/etc/haproxy/quorate-ca.pem'),
    redirect_http_bind: bindAddress.nullable().default(null),
    balance: z.enum(['roundrobin', 'leastconn', 'source', 'first', 'random']).default('leastconn'),
    check_interval_ms: z.int().min(200).max(60_000).default(1000),
    check_rise: z.int().min(1).max(10).default(2),
    check_fall: z.int().min(1).max(10).default(2),
    /** Idle time after which a stream is cut; long enough for server-sent events. */
    stream_timeout_seconds: z.int().min(60).max(86_400).default(3600),
    max_connections: z.int().min(100).max(1_000_000).default(4000),
    stats_bind: bindAddress.nullable().default(null),
    prometheus_bind: bindAddress.nullable().default(null),
  })
  .meta({ id: 'HaproxySettings' });
export type HaproxySettings = z.infer<typeof haproxySettingsSchema>;

export const haproxyRevisionSchema = z
  .object({
    revision: z.int(),
    etag: z.string(),
    created_at: timestamp,
    index: z.int(),
    /** Why it came to be: settings changed, a member joined or left. */
    reason: z.string(),
    version: haproxyVersion,
    servers: z.int(),
  })
  .meta({ id: 'HaproxyRevision' });
export type HaproxyRevision = z.infer<typeof haproxyRevisionSchema>;

export const haproxyFindingSchema = z
  .object({
    line: z.int(),
    text: z.string(),
    severity: z.enum(['error', 'warning', 'advice']),
    message: z.string(),
    /** The version that removed or deprecated it, or null. */
    since: z.string().nullable(),
    /** What to write instead; empty = drop the line. Null when there is nothing to write. */
    replacement: z.string().nullable(),
  })
  .meta({ id: 'HaproxyFinding' });
export type HaproxyFinding = z.infer<typeof haproxyFindingSchema>;

export const haproxyRoutes = {
  config: defineRoute({
    id: 'haproxy.config',
    method: 'get',
    path: '/v1/haproxy/config',
    access: 'viewer',
    tag: 'Load balancer',
    summary: 'The configuration for the live membership, as text with an ETag',
    query: z.object({ version: haproxyVersion.optional() }),
    contentType: 'text/plain',
  }),
  getSettings: defineRoute({
    id: 'haproxy.settings.get',
    method: 'get',
    path: '/v1/haproxy/settings',
    access: 'viewer',
    tag: 'Load balancer',
    summary: 'Load balancer settings, with an ETag',
    response: haproxySettingsSchema,
  }),
  putSettings: defineRoute({
    id: 'haproxy.settings.put',
    method: 'put',
    path: '/v1/haproxy/settings',
    access: 'operator',
    tag: 'Load balancer',
    summary: 'Replace the load balancer settings; honours If-Match',
    body: haproxySettingsSchema,
    response: haproxySettingsSchema,
    errors: ['precondition_failed', 'validation_failed'],
  }),
  check: defineRoute({
    id: 'haproxy.check',
    method: 'post',
    path: '/v1/haproxy/check',
    access: 'viewer',
    tag: 'Load balancer',
    summary: 'Explain a pasted configuration line by line for a chosen version',
    body: z.object({ config: z.string().min(1).max(262_144), version: haproxyVersion.default('2.6') }),
    response: z.object({
      version: haproxyVersion,
      ok: z.boolean(),
      findings: z.array(haproxyFindingSchema),
      /** The text with every mechanical replacement made. */
      rewritten: z.string(),
    }),
  }),
  revisions: defineRoute({
    id: 'haproxy.revisions.list',
    method: 'get',
    path: '/v1/haproxy/revisions',
    access: 'viewer',
    tag: 'Load balancer',
    summary: 'Revisions of the configuration, newest first',
    query: pageQuery,
    response: pageOf(haproxyRevisionSchema),
  }),
  revision: defineRoute({
    id: 'haproxy.revisions.get',
    method: 'get',
    path: '/v1/haproxy/revisions/{revision}',
    access: 'viewer',
    tag: 'Load balancer',
    summary: 'One revision: its text and the unified diff to the one before',
    params: z.object({ revision: z.coerce.number().int().min(1) }),
    response: haproxyRevisionSchema.extend({ config: z.string(), diff: z.string() }),
    errors: ['not_found'],
  }),
};
