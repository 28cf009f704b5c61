import { z } from 'zod';
import { nodeId } from './names';
import { timestamp } from './pagination';
import { defineRoute, IF_MATCH } from './route';
import { role } from './session';

/** Loopback, by name or address. */
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/**
 * Why a node cannot keep a connection to this URL, or undefined. `shared`: it goes into the replicated log, where
 * nothing secret may stand.
 */
export function upstreamUrlProblem(text: string, { shared }: { shared: boolean }): string | undefined {
  if (text === '') return undefined;
  if (!URL.canParse(text)) return 'expected a URL such as wss://upstream.example.com/gateway';
  const { protocol, hostname, username, password, search, hash } = new URL(text);
  if (protocol !== 'wss:' && protocol !== 'ws:') return 'must begin with wss:// (or ws:// on loopback)';
  if (protocol === 'ws:' && !LOOPBACK.test(hostname)) return 'ws:// would go in clear over the network; use wss://';
  if (hash !== '') return 'must have no fragment (#)';
  if (shared && (username || password || search)) {
    return 'must hold no credentials and no query: everybody who may read settings sees it. Put such a URL into connector.url of each node';
  }
  return undefined;
}

const upstreamUrl = z
  .string()
  .max(2_048)
  .superRefine((text, ctx) => {
    const message = upstreamUrlProblem(text, { shared: true });
    if (message !== undefined) ctx.addIssue({ code: 'custom', message });
  });

export const connectorSettingsSchema = z
  .object({
    enabled: z.boolean().default(true).describe('False: no node connects, whatever its configuration says.'),
    url: upstreamUrl
      .default('')
      .describe('Where the upstream is, wss://; a node whose configuration has connector.url uses that instead.')
      .meta({ examples: ['wss://upstream.example.com/gateway'] }),
    ha_enabled: z
      .boolean()
      .default(true)
      .describe('Every core node may take over. False: only those with connector.is_primary or connector.ha_enabled.'),
    role: role.default('viewer').describe('What the upstream may do when it calls the API over the connection.'),
    ca_cert: z
      .string()
      .max(32_768)
      .refine((pem) => pem === '' || pem.includes('-----BEGIN CERTIFICATE-----'), 'expected certificates in PEM format')
      .default('')
      .describe('CA that the certificate of the upstream must come from (PEM); empty = those that Node.js trusts.'),
  })
  .meta({ id: 'ConnectorSettings' });
export type ConnectorSettings = z.output<typeof connectorSettingsSchema>;

/** Why a node became the active one. */
export const TAKEOVER_REASONS = [
  'first',
  'restarted',
  'shutdown',
  'node_lost',
  'quorum_lost',
  'upstream_lost',
  'primary_back',
  'settings',
  'drained',
  'node_removed',
] as const;
export const takeoverReason = z.enum(TAKEOVER_REASONS);
export type TakeoverReason = z.infer<typeof takeoverReason>;

export const takeoverSchema = z
  .object({
    generation: z.int().describe('The fencing number: the upstream refuses lower ones.'),
    node_id: nodeId,
    from_node_id: nodeId.nullable().describe('The active node before; null when there was none.'),
    reason: takeoverReason,
    claimed_at: timestamp.describe('When the log made it the active node.'),
    connected_at: timestamp.nullable().describe('When it was connected first; null = not yet, or never.'),
    gap_ms: z
      .int()
      .nullable()
      .describe('Time without a connection, as the new node measured it; null when it is not known.'),
    ended_at: timestamp.nullable().describe('When it yielded or was replaced; null while it is active.'),
  })
  .meta({ id: 'ConnectorTakeover' });
export type ConnectorTakeover = z.infer<typeof takeoverSchema>;

const certificateSchema = z.object({
  source: z.enum(['file', 'cluster']).describe('`cluster`: the certificate of the node, from the CA of the cluster.'),
  subject: z.string(),
  fingerprint: z.string(),
  expires_at: timestamp,
});

export const connectorNodeSchema = z
  .object({
    node_id: nodeId,
    name: z.string(),
    role: z
      .enum(['active', 'standby', 'off', 'unknown'])
      .describe('`off`: it takes no part; `unknown`: it does not answer this node.'),
    is_primary: z.boolean().describe('Preferred: takes back when it is healthy and reaches the upstream.'),
    url: z.string().describe('Where it connects to, without credentials and query.'),
    connected: z.boolean(),
    reachable: z.boolean().nullable().describe('Whether it can reach the upstream; null = not tried yet.'),
    checked_at: timestamp.nullable().describe('When it last found that out.'),
    problem: z.string().describe('What keeps it from connecting, with the cure; empty when nothing does.'),
    certificate: certificateSchema.nullable().describe('What it shows to the upstream.'),
  })
  .meta({ id: 'ConnectorNode' });
export type ConnectorNode = z.infer<typeof connectorNodeSchema>;

const connectorSchema = z
  .object({
    settings: connectorSettingsSchema,
    configured: z
      .boolean()
      .describe('Whether these settings were ever saved; before, nodes go by their configuration.'),
    state: z
      .enum(['off', 'connected', 'connecting', 'unreachable', 'no_active'])
      .describe('As the node that answers sees it.'),
    sentence: z.string().describe('The state in one sentence.'),
    gateway: z
      .object({ cluster_id: z.uuid(), name: z.string() })
      .describe('What the cluster is called at the upstream: one gateway, whichever node is active.'),
    active: z
      .object({
        node_id: nodeId,
        name: z.string(),
        generation: z.int(),
        since: timestamp,
        connected_since: timestamp.nullable(),
      })
      .nullable(),
    nodes: z.array(connectorNodeSchema),
    takeovers: z.array(takeoverSchema).describe('The last 50, newest first.'),
    cluster_ca: z.string().describe('CA of the nodes’ own certificates (PEM), for the upstream to trust.'),
  })
  .meta({ id: 'Connector' });
export type Connector = z.infer<typeof connectorSchema>;

const common = { path: '/v1/connector', tag: 'Connector', response: connectorSchema } as const;

export const connectorRoutes = {
  get: defineRoute({
    ...common,
    id: 'connector.get',
    method: 'get',
    access: 'viewer',
    summary: 'The connection to the upstream: settings with an ETag, nodes, which is active, and takeovers',
  }),
  put: defineRoute({
    ...common,
    id: 'connector.put',
    method: 'put',
    access: 'admin',
    summary: 'Set where the upstream is and what it may do; honours If-Match',
    requestHeaders: IF_MATCH,
    body: connectorSettingsSchema,
    errors: ['precondition_failed', 'validation_failed'],
  }),
};
