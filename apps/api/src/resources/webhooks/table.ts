import { index, integer, sqliteTable, text } from 'drizzle-orm/sqlite-core';

/** Who is told of events, and how far they have been told. */
export const webhooks = sqliteTable('webhooks', {
  id: text().primaryKey(),
  name: text().notNull().unique(),
  url: text().notNull(),
  /** JSON list of types, namespaces and `topic.*`; empty = all. */
  types: text().notNull(),
  enabled: integer({ mode: 'boolean' }).notNull(),
  /** The signing secret, encrypted under the cluster key. */
  secretJwe: text('secret_jwe').notNull(),
  /** `seq` of the last event that was delivered or given up. */
  cursor: integer().notNull(),
  /** Since when every delivery fails, ms; null while they succeed. */
  failingSince: integer('failing_since'),
  lastError: text('last_error').notNull(),
  createdAt: integer('created_at').notNull(),
  createdBy: text('created_by').notNull(),
});

/** The last deliveries of each webhook, and those that were given up. Bounded, see commands.ts. */
export const webhookDeliveries = sqliteTable(
  'webhook_deliveries',
  {
    /** The webhook's id, a dot, the event's seq. */
    id: text().primaryKey(),
    webhookId: text('webhook_id').notNull(),
    seq: integer().notNull(),
    eventId: text('event_id').notNull(),
    eventType: text('event_type').notNull(),
    /** delivered, dead, or replay: dead and to be tried once more. */
    state: text().notNull(),
    attempts: integer().notNull(),
    httpStatus: integer('http_status'),
    error: text().notNull(),
    durationMs: integer('duration_ms').notNull(),
    at: integer().notNull(),
    /** The event as JSON, of dead letters: the event itself may be trimmed by the time of a replay. */
    event: text(),
  },
  (table) => [index('webhook_deliveries_state').on(table.webhookId, table.state, table.seq)],
);
