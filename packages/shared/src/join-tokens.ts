import { z } from 'zod';
import { nodeId, nodeName, sha256Fingerprint, uuidParam } from './names';
import { pageOf, pageQuery, timestamp } from './pagination';
import { defineRoute } from './route';

export const JOIN_TOKEN_PREFIX = 'qj_';
export const joinTokenKind = z.enum(['cluster', 'runner']);
export const joinTokenPlain = z.string().regex(/^qj_[A-Za-z0-9_-]{43}$/, 'expected qj_ and 43 base64url characters');
const cidr = z.union([z.cidrv4(), z.cidrv6()], 'expected a network such as 10.0.0.0/8');

export const joinTokenSchema = z
  .object({
    id: z.uuid(),
    kind: joinTokenKind,
    status: z.enum(['active', 'used_up', 'expired', 'revoked']),
    max_uses: z.int(),
    uses: z.int(),
    node_name: z.string().nullable(),
    node_id: nodeId.nullable(),
    allowed_cidrs: z.array(z.string()),
    created_at: timestamp,
    created_by: z.string(),
    expires_at: timestamp,
    revoked_at: timestamp.nullable(),
    redemptions: z
      .array(z.object({ node_id: nodeId, node_name: z.string(), address: z.string(), at: timestamp }))
      .describe('Core nodes that joined by it.'),
    runner_redemptions: z
      .array(z.object({ runner_id: z.uuid(), runner_name: z.string(), address: z.string(), at: timestamp }))
      .describe('Runners that joined by it.'),
  })
  .meta({ id: 'JoinToken' });
export type JoinToken = z.infer<typeof joinTokenSchema>;

export const mintedJoinTokenSchema = joinTokenSchema
  .extend({
    token: joinTokenPlain.describe('The plaintext: in this answer only.'),
    ca_fingerprint: sha256Fingerprint,
    join_string: z.string().describe('`HOST:PORT/TOKEN/FINGERPRINT`'),
    join_command: z.string(),
    warnings: z
      .array(z.string())
      .describe('What would keep the join from working as it stands, such as a loopback address.'),
  })
  .meta({ id: 'MintedJoinToken' });
export type MintedJoinToken = z.infer<typeof mintedJoinTokenSchema>;

export const joinTokenRoutes = {
  list: defineRoute({
    id: 'join_tokens.list',
    method: 'get',
    path: '/v1/nodes/join-tokens',
    access: 'operator',
    tag: 'Joining',
    summary: 'List join tokens and who redeemed them',
    query: pageQuery,
    response: pageOf(joinTokenSchema),
  }),
  create: defineRoute({
    id: 'join_tokens.create',
    method: 'post',
    path: '/v1/nodes/join-tokens',
    access: 'admin',
    tag: 'Joining',
    summary: 'Mint a join token. The first cluster token grows a single node into a Raft cluster, live',
    description: 'The plaintext is in this answer only; the cluster keeps a hash of it.',
    body: z.object({
      kind: joinTokenKind.default('cluster').describe('What the token admits: a core node, or a runner.'),
      max_uses: z.int().min(1).max(63).default(1).describe('How many nodes may join by it.'),
      ttl_seconds: z.int().min(60).max(86400).default(3600).describe('Seconds until it expires.'),
      node_name: nodeName.nullable().default(null).describe('Only a node of this name may use it; null = any.'),
      node_id: nodeId.nullable().default(null).describe('Only a node of this id may use it; null = any.'),
      allowed_cidrs: z
        .array(cidr)
        .max(32)
        .default([])
        .describe('Networks that it may be used from, such as `10.0.0.0/8`; empty = any.'),
    }),
    response: mintedJoinTokenSchema,
    status: 201,
    errors: [
      'raft_engine_unavailable',
      'ca_rotation_in_progress',
      'node_id_taken',
      'node_name_taken',
      'validation_failed',
    ],
  }),
  revoke: defineRoute({
    id: 'join_tokens.revoke',
    method: 'delete',
    path: '/v1/nodes/join-tokens/{id}',
    access: 'admin',
    tag: 'Joining',
    summary: 'Revoke a join token',
    params: uuidParam,
    errors: ['not_found'],
  }),
};
