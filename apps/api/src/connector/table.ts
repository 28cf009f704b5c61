import { TAKEOVER_REASONS } from '@quorate/shared/connector';
import { ROLES } from '@quorate/shared/route';
import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core';

/** One row once they were saved; before, nodes go by their configuration. */
export const connectorSettings = sqliteTable('connector_settings', {
  id: integer().primaryKey(),
  enabled: integer({ mode: 'boolean' }).notNull(),
  url: text().notNull(),
  haEnabled: integer('ha_enabled', { mode: 'boolean' }).notNull(),
  role: text({ enum: ROLES }).notNull(),
  caCert: text('ca_cert').notNull(),
});

/** Who may hold the connection: one row. See DESIGN.md. */
export const connectorLease = sqliteTable('connector_lease', {
  id: integer().primaryKey(),
  generation: integer().notNull(),
  /** The active node, or null after it has yielded. */
  holder: integer(),
  /** The process of the holder: a restarted one has to claim anew. */
  session: text().notNull(),
  /** Nobody of an earlier generation can be connected any more. */
  settled: integer({ mode: 'boolean' }).notNull(),
  /** Why the holder yielded, or became the holder. */
  reason: text({ enum: TAKEOVER_REASONS }).notNull(),
  /** For whom the last holder yielded, or null. */
  preferred: integer(),
  changedAt: integer('changed_at').notNull(),
  connectedAt: integer('connected_at'),
});

export const connectorTakeovers = sqliteTable('connector_takeovers', {
  generation: integer().primaryKey(),
  nodeId: integer('node_id').notNull(),
  fromNodeId: integer('from_node_id'),
  reason: text({ enum: TAKEOVER_REASONS }).notNull(),
  claimedAt: integer('claimed_at').notNull(),
  connectedAt: integer('connected_at'),
  gapMs: integer('gap_ms'),
  endedAt: integer('ended_at'),
});
