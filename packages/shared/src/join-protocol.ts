import { z } from 'zod';
import { joinTokenPlain } from './join-tokens';
import { hostPort, nodeId, nodeName } from './names';

// What a joiner and a member say to each other on the cluster listener. Not part of the public REST API.

export const JOIN_PATH = '/v1/cluster/join';
/** Clocks of members may differ by this much: certificates, token expiry and leases rest on them. */
export const MAX_CLOCK_SKEW_MS = 5_000;

export const joinRequestSchema = z.strictObject({
  token: joinTokenPlain,
  /** PKCS #10, PEM, EC P-256: its key is who the node will be. Empty with a certificate of the operator's own. */
  csr: z.string().max(8192),
  /** PEM, where the operator issues certificates; empty where the cluster does. */
  certificate: z.string().max(32_768).default(''),
  name: nodeName,
  /** The id that the node wants, or null for the lowest that was never used. */
  id: nodeId.nullable().default(null),
  cluster_address: hostPort,
  raft_peer_address: hostPort,
  raft_client_address: hostPort,
  api_url: z.url({ protocol: /^https?$/ }).max(512),
  version: z.string().min(1).max(64),
  feature_level: z.int().min(1),
  /** Isolates clusters that share a network. */
  cluster_token: z.string().max(64),
  /** The joiner's clock, ms since the epoch. */
  clock: z.int(),
});
export type JoinRequest = z.infer<typeof joinRequestSchema>;

export const joinMemberSchema = z.object({
  id: nodeId,
  name: z.string(),
  cluster_address: z.string(),
  raft_peer_address: z.string(),
  raft_client_address: z.string(),
  api_url: z.string(),
  state: z.enum(['joining', 'learner', 'voter']),
});
export type JoinMember = z.infer<typeof joinMemberSchema>;

export const joinAnswerSchema = z.object({
  node_id: nodeId,
  /** The same key was admitted before: no use of the token was taken. */
  resumed: z.boolean(),
  cluster: z.object({ id: z.uuid(), name: z.string() }),
  certificate: z.string(),
  ca: z.string(),
  /** The cluster key as a JWE to the joiner's key. */
  wrapped_cluster_key: z.string(),
  members: z.array(joinMemberSchema).max(63),
});
export type JoinAnswer = z.infer<typeof joinAnswerSchema>;

/** One thing that a preflight looked at. */
export const joinFindingSchema = z.object({
  check: z.enum(['token', 'certificate', 'version', 'clock', 'reachability', 'collisions']),
  ok: z.boolean(),
  /** Error code of the refusal, or null. */
  code: z.string().nullable(),
  detail: z.string(),
});
export type JoinFinding = z.infer<typeof joinFindingSchema>;

/** The answer to `?dry_run=1`: what would happen, with nothing done and no use taken. */
export const joinPreflightSchema = z.object({
  dry_run: z.literal(true),
  allowed: z.boolean(),
  /** The id that the node would get now. */
  node_id: nodeId.nullable(),
  findings: z.array(joinFindingSchema),
});
export type JoinPreflight = z.infer<typeof joinPreflightSchema>;
