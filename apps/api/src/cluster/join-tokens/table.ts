import { integer, primaryKey, sqliteTable, text } from 'drizzle-orm/sqlite-core';

export const joinTokens = sqliteTable('join_tokens', {
  id: text().primaryKey(),
  /** sha256 hex: the token has 256 random bits, so a slow hash would add nothing. */
  hash: text().notNull().unique(),
  kind: text({ enum: ['cluster', 'runner'] }).notNull(),
  maxUses: integer('max_uses').notNull(),
  uses: integer().notNull(),
  nodeName: text('node_name'),
  nodeId: integer('node_id'),
  allowedCidrs: text('allowed_cidrs', { mode: 'json' }).$type<string[]>().notNull(),
  createdBy: text('created_by').notNull(),
  createdAt: integer('created_at').notNull(),
  expiresAt: integer('expires_at').notNull(),
  revokedAt: integer('revoked_at'),
});

/** Who used a token. One row a use. */
export const joinTokenRedemptions = sqliteTable(
  'join_token_redemptions',
  {
    tokenId: text('token_id')
      .notNull()
      .references(() => joinTokens.id, { onDelete: 'cascade' }),
    nodeId: integer('node_id').notNull(),
    nodeName: text('node_name').notNull(),
    address: text().notNull(),
    at: integer().notNull(),
  },
  (table) => [primaryKey({ columns: [table.tokenId, table.nodeId] })],
);

/** Which runners used a token. One row a use. */
export const runnerRedemptions = sqliteTable(
  'runner_redemptions',
  {
    tokenId: text('token_id')
      .notNull()
      .references(() => joinTokens.id, { onDelete: 'cascade' }),
    runnerId: text('runner_id').notNull(),
    runnerName: text('runner_name').notNull(),
    address: text().notNull(),
    at: integer().notNull(),
  },
  (table) => [primaryKey({ columns: [table.tokenId, table.runnerId] })],
);

export type JoinTokenRow = typeof joinTokens.$inferSelect;
