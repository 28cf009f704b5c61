import { z } from 'zod';
import { serviceName } from './names';
import { pageOf, pageQuery, timestamp } from './pagination';
import { defineRoute, IF_MATCH } from './route';

export const HAPROXY_VERSIONS = ['2.4', '2.5', '2.6', '2.7', '2.8', '2.9', '3.0', '3.1', '3.2', '3.3'] as const;
export const haproxyVersion = z.enum(HAPROXY_VERSIONS);
export type HaproxyVersion = z.infer<typeof haproxyVersion>;

const BIND = /^(\*|\[[0-9a-fA-F:]*\]|[A-Za-z0-9._-]*):(\d{1,5})$/;
const bindAddress = z
  .string()
  .max(262)
  .regex(BIND, 'expected address:port, :port or *:port')
  .refine(isBindable, 'expected a valid IPv4 address, [IPv6 address] or host name, and a port from 1 to 65535');
const path = z
  .string()
  .max(512)
  .regex(/^\/[^\s"'\\\p{C}]*$/u, 'expected an absolute path without spaces or quotes');

/** Looks only at the text: whether the load balancer's host has the address is HAProxy's to say. */
function isBindable(bind: string): boolean {
  const [, host = '', port] = BIND.exec(bind) ?? [];
  if (!(Number(port) >= 1 && Number(port) <= 65_535)) return false;
  if (host.startsWith('[')) return z.ipv6().safeParse(host.slice(1, -1)).success;
  return /^[\d.]+$/.test(host) ? z.ipv4().safeParse(host).success : !/^[.-]/.test(host);
}

const publicationSchema = z.object({
  service: serviceName,
  bind: bindAddress.describe('Where HAProxy listens for it.'),
  mode: z.enum(['http', 'tcp']).default('http'),
  certificate_path: path
    .nullable()
    .default(null)
    .describe("PEM with certificate and key on the load balancer's disk: TLS ends there. Null = no TLS."),
  balance: z.enum(['roundrobin', 'leastconn', 'source', 'random']).default('leastconn'),
});
export type Publication = z.infer<typeof publicationSchema>;
export const PUBLICATION_MODES = publicationSchema.shape.mode.unwrap().options;

export const haproxySettingsSchema = z
  .object({
    version: haproxyVersion.default('2.6').describe('The HAProxy that will run the configuration.'),
    bind: bindAddress.default('*:443').describe('Where HAProxy listens: `address:port`, `:port` or `*:port`.'),
    tls: z
      .enum(['passthrough', 'terminate', 'plain'])
      .default('plain')
      .describe("`passthrough`: TCP to the nodes' own TLS. `terminate`: TLS ends at HAProxy. `plain`: HTTP only."),
    certificate_path: path
      .nullable()
      .default(null)
      .describe("PEM with certificate and key on the load balancer's disk; needed for `terminate`."),
    ca_path: path
      .default('/etc/haproxy/quorate-ca.pem')
      .describe("CA file on the load balancer's disk used to verify the nodes when they serve TLS."),
    redirect_http_bind: bindAddress
      .nullable()
      .default(null)
      .describe('Where plain HTTP is redirected to HTTPS; null = nowhere.'),
    balance: z.enum(['roundrobin', 'leastconn', 'source', 'first', 'random']).default('leastconn'),
    check_interval_ms: z.int().min(200).max(60_000).default(1000).describe('Time between two health checks of a node.'),
    check_rise: z
      .int()
      .min(1)
      .max(10)
      .default(2)
      .describe('Checks in a row that must succeed before a node gets traffic.'),
    check_fall: z
      .int()
      .min(1)
      .max(10)
      .default(2)
      .describe('Checks in a row that must fail before a node loses its traffic.'),
    stream_timeout_seconds: z
      .int()
      .min(60)
      .max(86_400)
      .default(3600)
      .describe('Idle time after which a stream is cut; long enough for server-sent events.'),
    max_connections: z.int().min(100).max(1_000_000).default(4000),
    stats_bind: bindAddress.nullable().default(null).describe('Where the statistics page listens; null = nowhere.'),
    prometheus_bind: bindAddress
      .nullable()
      .default(null)
      .describe('Where the Prometheus exporter listens; null = nowhere.'),
    run_as: z
      .string()
      .regex(/^[a-z_][a-z0-9_-]{0,31}$/, 'expected the name of a system user')
      .nullable()
      .default('haproxy')
      .describe(
        'User and group that HAProxy drops to; null when it is not started by root (3.3 warns when root stays root).',
      ),
    runtime_socket: path
      .nullable()
      .default(null)
      .describe(
        "Where HAProxy opens its runtime API on the load balancer's disk, through which `quorate haproxy watch` changes servers without a reload; null = nowhere.",
      ),
    services: z
      .array(publicationSchema)
      .max(100)
      .default([])
      .describe('Services that the load balancer publishes, each on an address of its own.'),
  })
  .superRefine(checkTogether)
  .meta({ id: 'HaproxySettings' });
export type HaproxySettings = z.infer<typeof haproxySettingsSchema>;

interface BindFields {
  tls: string;
  certificate_path: string | null;
  bind: string;
  redirect_http_bind: string | null;
  stats_bind: string | null;
  prometheus_bind: string | null;
  services: readonly Publication[];
}

/** What one field alone cannot say: a certificate for `terminate`, and no address bound twice. */
function checkTogether(settings: BindFields, context: z.RefinementCtx): void {
  const issue = (field: string, message: string) => context.addIssue({ code: 'custom', path: [field], message });
  if (settings.tls === 'terminate' && settings.certificate_path === null) {
    issue('certificate_path', 'is needed while tls is terminate: the PEM file with certificate and key');
  }
  const taken = new Map([[settings.bind, 'bind']]);
  for (const field of ['redirect_http_bind', 'stats_bind', 'prometheus_bind'] as const) {
    const bind = settings[field];
    if (bind === null) continue;
    const other = taken.get(bind);
    // Statistics and metrics may share one address: they differ by path.
    if (other !== undefined && !(field === 'prometheus_bind' && other === 'stats_bind')) {
      issue(field, `is the same address as ${other}; choose another port`);
    }
    taken.set(bind, field);
  }
  const names = new Set<string>();
  for (const [index, { service, bind }] of settings.services.entries()) {
    const other = taken.get(bind);
    const at = (field: string, message: string) =>
      context.addIssue({ code: 'custom', path: ['services', index, field], message });
    if (other !== undefined) at('bind', `is the address of ${other}, too; choose another port`);
    if (names.has(service)) at('service', 'is published already; each service has one address');
    taken.set(bind, `the service ${service}`);
    names.add(service);
  }
}

export const haproxyRevisionSchema = z
  .object({
    revision: z.int(),
    etag: z.string(),
    created_at: timestamp,
    index: z.int(),
    reason: z.string().describe('Why it came to be: settings changed, a member joined or left.'),
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
    since: z.string().nullable().describe('The version that removed or deprecated it, or null.'),
    replacement: z
      .string()
      .nullable()
      .describe('What to write instead; empty = drop the line. Null when there is nothing to write.'),
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
    requestHeaders: { 'If-None-Match': 'The ETag of the text that is known already: 304 while it still holds.' },
    query: z.object({ version: haproxyVersion.optional().describe('Instead of the version in the settings.') }),
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
    description:
      'A service that was not published before must exist (404) and publish a port (409). One that is removed later stays published, and answers 503 until it comes again.',
    requestHeaders: IF_MATCH,
    body: haproxySettingsSchema,
    response: haproxySettingsSchema,
    errors: ['precondition_failed', 'validation_failed', 'not_found', 'conflict'],
  }),
  check: defineRoute({
    id: 'haproxy.check',
    method: 'post',
    path: '/v1/haproxy/check',
    access: 'viewer',
    tag: 'Load balancer',
    summary: 'Explain a pasted configuration line by line for a chosen version',
    body: z.object({
      config: z
        .string()
        .min(1)
        .max(262_144)
        .meta({ description: 'The text of haproxy.cfg.', examples: ['global\n  daemon\n'] }),
      version: haproxyVersion.default('2.6'),
    }),
    response: z.object({
      version: haproxyVersion,
      ok: z.boolean(),
      findings: z.array(haproxyFindingSchema),
      rewritten: z.string().describe('The text with every mechanical replacement made.'),
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
