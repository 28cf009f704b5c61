import type { Labels } from '@quorate/shared/runners';
import { index, integer, sqliteTable, text } from 'drizzle-orm/sqlite-core';

/** Every runner that ever was. Removed rows stay: what they ran is told by them. */
export const runners = sqliteTable(
  'runners',
  {
    id: text().primaryKey(),
    name: text().notNull(),
    /** The core node that it is embedded in, or null. */
    nodeId: integer('node_id'),
    /** sha256 hex of its public key; null for an embedded one, which needs none. */
    keyPin: text('key_pin'),
    labels: text({ mode: 'json' }).$type<Labels>().notNull(),
    capacity: integer().notNull(),
    version: text().notNull(),
    /** Host that others reach what it runs at, as it said or as it was seen; empty while that is not known. */
    address: text().notNull().default(''),
    state: text({ enum: ['active', 'removed'] }).notNull(),
    drainedAt: integer('drained_at'),
    /** What the leader last saw of it; changes alone are recorded. */
    status: text({ enum: ['online', 'offline'] }).notNull(),
    statusSince: integer('status_since').notNull(),
    /** Why it can begin no job now; empty when it can. */
    problem: text().notNull().default(''),
    certificateExpiresAt: integer('certificate_expires_at'),
    joinedAt: integer('joined_at').notNull(),
    removedAt: integer('removed_at'),
  },
  (table) => [index('runners_key_pin').on(table.keyPin)],
);

export type RunnerRow = typeof runners.$inferSelect;
