import { index, integer, sqliteTable, text } from 'drizzle-orm/sqlite-core';

/** Every node that ever belonged to the cluster. Removed rows stay, so that an id is never used twice. */
export const members = sqliteTable(
  'members',
  {
    id: integer().primaryKey(),
    name: text().notNull(),
    /** sha256 hex of the node's public key (SPKI). */
    keyPin: text('key_pin').notNull(),
    clusterAddress: text('cluster_address').notNull(),
    raftPeerAddress: text('raft_peer_address').notNull(),
    raftClientAddress: text('raft_client_address').notNull(),
    apiUrl: text('api_url').notNull(),
    version: text().notNull(),
    featureLevel: integer('feature_level').notNull(),
    state: text({ enum: ['joining', 'learner', 'voter', 'removed'] }).notNull(),
    certificateExpiresAt: integer('certificate_expires_at'),
    /** The join token that admitted it; null for a founding member. */
    tokenId: text('token_id'),
    joinedAt: integer('joined_at').notNull(),
    /** When the state last changed, or the join was last resumed. */
    stageAt: integer('stage_at').notNull(),
    removedAt: integer('removed_at'),
    /** Since when it is out of service for maintenance; null = in service. */
    drainedAt: integer('drained_at'),
  },
  (table) => [index('members_key_pin').on(table.keyPin)],
);

export type Member = typeof members.$inferSelect;
