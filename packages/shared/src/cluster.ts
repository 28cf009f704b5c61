import { z } from 'zod';
import { nodeId, nodeIdParam, sha256Fingerprint } from './names';
import { timestamp } from './pagination';
import { defineRoute } from './route';

/** `joining`: admitted, not yet in Raft. `learner`: replicates, has no vote. `voter`: counts for quorum. */
export const suffrage = z.enum(['voter', 'learner', 'joining']);
export const memberHealth = z.enum(['healthy', 'lagging', 'unhealthy', 'unreachable', 'unknown']);

export const memberSchema = z
  .object({
    id: nodeId,
    name: z.string(),
    self: z.boolean(),
    leader: z.boolean(),
    suffrage,
    drained: z
      .boolean()
      .describe('Taken out of the load balancer for maintenance: not ready, never leads, still votes and replicates.'),
    health: memberHealth,
    health_detail: z.string().describe('Why the health is what it is and what to do; empty when healthy.'),
    cluster_address: z.string(),
    raft_peer_address: z.string(),
    raft_client_address: z.string(),
    api_url: z.string(),
    applied_index: z.int().nullable(),
    lag: z.int().nullable().describe('Entries behind the tip that the answering node knows of.'),
    version: z.string(),
    etcd_version: z.string().nullable(),
    round_trip_ms: z.number().nullable(),
    clock_offset_ms: z.number().nullable(),
    last_seen_at: timestamp.nullable(),
    joined_at: timestamp,
    certificate_expires_at: timestamp.nullable(),
  })
  .meta({ id: 'Member' });
export type Member = z.infer<typeof memberSchema>;

export const quorumSchema = z
  .object({
    voters: z.int(),
    needed: z.int(),
    healthy: z.int(),
    tolerated: z
      .int()
      .describe('Further voters that may fail before writes stop; negative when the quorum is already lost.'),
    held: z.boolean(),
    sentence: z
      .string()
      .describe('The state in one plain sentence, made by the server so that console and CLI say the same.'),
    advice: z.string().describe('What to do about it, or empty.'),
    table: z
      .array(z.object({ voters: z.int(), needed: z.int(), tolerated: z.int() }))
      .describe('What each possible number of voters needs and survives.'),
  })
  .meta({ id: 'Quorum' });
export type Quorum = z.infer<typeof quorumSchema>;

export const upgradeSchema = z
  .object({
    from: z.string().describe('Oldest version among the members.'),
    to: z.string().describe('Newest version among the members.'),
    next: z
      .object({ id: nodeId, name: z.string() })
      .nullable()
      .describe('The member to upgrade next; null when first another one has to be healthy again.'),
    remaining: z.int().describe('Members that still run an older version.'),
    sentence: z.string().describe('What to do next, in words.'),
  })
  .meta({ id: 'Upgrade' });
export type Upgrade = z.infer<typeof upgradeSchema>;

export const clusterSchema = z
  .object({
    id: z.uuid(),
    name: z.string(),
    mode: z.enum(['single', 'raft']),
    external_etcd: z
      .boolean()
      .describe(
        'The log is in an etcd that its operator runs: its members, its compaction and its leader are not managed here, and any one node suffices for writes.',
      ),
    growing: z.boolean().describe('True while a single node is being grown into a cluster.'),
    node_id: nodeId,
    leader_id: nodeId.nullable(),
    term: z.int(),
    epoch: z.int(),
    applied_index: z.int(),
    tip_index: z.int(),
    quorum: quorumSchema,
    version: z.string(),
    oldest_version: z.string(),
    upgrade: upgradeSchema.nullable().describe('A rolling upgrade that is under way: members run different versions.'),
    ca_fingerprint: sha256Fingerprint,
    ca_expires_at: timestamp,
    started_at: timestamp,
    backups: z.object({
      last_at: timestamp.nullable().describe('When the newest usable backup was completed.'),
      failed_since: z.int().describe('Backups that failed after that.'),
      scheduled: z.boolean(),
    }),
    members: z.array(memberSchema),
  })
  .meta({ id: 'Cluster' });
export type Cluster = z.infer<typeof clusterSchema>;

const quorumCount = z.object({ voters: z.int(), needed: z.int(), healthy: z.int(), tolerated: z.int() });

export const membershipPreviewSchema = z
  .object({
    dry_run: z.boolean(),
    allowed: z.boolean(),
    before: quorumCount,
    after: quorumCount,
    refusal: z
      .object({ code: z.string(), detail: z.string() })
      .nullable()
      .describe('Why it is refused (code of the 409) or null.'),
    warnings: z.array(z.string()),
  })
  .meta({ id: 'MembershipPreview' });
export type MembershipPreview = z.infer<typeof membershipPreviewSchema>;

const flag = z
  .union([z.literal(''), z.stringbool()])
  .transform((value) => value === '' || value)
  .default(false);

export const clusterRoutes = {
  get: defineRoute({
    id: 'cluster.get',
    method: 'get',
    path: '/v1/cluster',
    access: 'viewer',
    tag: 'Cluster',
    summary: 'The cluster: quorum, leader, term, index, members',
    response: clusterSchema,
  }),
  members: defineRoute({
    id: 'cluster.members.list',
    method: 'get',
    path: '/v1/cluster/members',
    access: 'viewer',
    tag: 'Cluster',
    summary: 'Members with suffrage, health, applied index and lag',
    response: z.object({ items: z.array(memberSchema), next_cursor: z.string().nullable() }),
  }),
  member: defineRoute({
    id: 'cluster.members.get',
    method: 'get',
    path: '/v1/cluster/members/{id}',
    access: 'viewer',
    tag: 'Cluster',
    summary: 'One member',
    params: nodeIdParam,
    response: memberSchema,
    errors: ['not_found'],
  }),
  removeMember: defineRoute({
    id: 'cluster.members.delete',
    method: 'delete',
    path: '/v1/cluster/members/{id}',
    access: 'admin',
    tag: 'Cluster',
    summary: 'Remove a member; with dry_run, only preview the quorum before and after',
    params: nodeIdParam,
    query: z.object({
      dry_run: flag.describe('Only answer what would happen; nothing is changed.'),
      force: flag.describe('Remove it although it does not answer and cannot hand over.'),
    }),
    response: membershipPreviewSchema,
    errors: ['not_found', 'quorum_would_be_lost', 'membership_change_in_progress', 'member_unhealthy', 'single_mode'],
  }),
  drainMember: defineRoute({
    id: 'cluster.members.drain',
    method: 'post',
    path: '/v1/cluster/members/{id}/drain',
    access: 'operator',
    tag: 'Cluster',
    summary: 'Take a member out of service for maintenance: not ready, hands leadership over, still votes',
    params: nodeIdParam,
    response: memberSchema,
    errors: ['not_found', 'single_mode', 'conflict'],
  }),
  resumeMember: defineRoute({
    id: 'cluster.members.resume',
    method: 'post',
    path: '/v1/cluster/members/{id}/resume',
    access: 'operator',
    tag: 'Cluster',
    summary: 'Put a drained member back into service',
    params: nodeIdParam,
    response: memberSchema,
    errors: ['not_found'],
  }),
  transferLeadership: defineRoute({
    id: 'cluster.leadership.transfer',
    method: 'post',
    path: '/v1/cluster/leadership',
    access: 'admin',
    tag: 'Cluster',
    summary: 'Transfer leadership to a member, or to the best one with null',
    body: z.object({
      to: nodeId.nullable().default(null).describe('Id of the next leader; null = the most advanced voter.'),
    }),
    response: z.object({ from: nodeId, to: nodeId, term: z.int(), duration_ms: z.number() }),
    errors: ['single_mode', 'external_etcd', 'not_found', 'not_caught_up', 'conflict'],
  }),
};
