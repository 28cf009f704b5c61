import { HA_STEP_STATES, HA_UPDATE_STATES } from '@quorate/shared/ha';
import { index, integer, primaryKey, sqliteTable, text } from 'drizzle-orm/sqlite-core';
import type { IllBefore } from './ill';

/** One row, from the first change on. */
export const haSettings = sqliteTable('ha_settings', {
  id: integer().primaryKey(),
  enabled: integer({ mode: 'boolean' }).notNull(),
  systemReplicas: integer('system_replicas').notNull(),
  failoverSeconds: integer('failover_seconds').notNull(),
  /** Grows with each change; its ETag. */
  revision: integer().notNull(),
  updatedAt: integer('updated_at').notNull(),
});

/** Replicas that went elsewhere since their runner failed. The oldest go first. */
export const haFailovers = sqliteTable(
  'ha_failovers',
  {
    id: integer().primaryKey(),
    service: text().notNull(),
    slot: integer().notNull(),
    generation: integer().notNull(),
    fromRunner: text('from_runner').notNull(),
    toRunner: text('to_runner').notNull(),
    /** Since when the runner was offline. */
    offlineAt: integer('offline_at').notNull(),
    dueAt: integer('due_at').notNull(),
    movedAt: integer('moved_at').notNull(),
    /** When it was healthy at its new place; null while it is not. */
    healthyAt: integer('healthy_at'),
  },
  (table) => [index('ha_failovers_generation').on(table.generation)],
);

/** Updates node by node. The oldest go first. */
export const haUpdates = sqliteTable('ha_updates', {
  /** Time-ordered (UUID v7). */
  id: text().primaryKey(),
  state: text({ enum: HA_UPDATE_STATES }).notNull(),
  detail: text().notNull(),
  startedBy: text('started_by').notNull(),
  startedAt: integer('started_at').notNull(),
  finishedAt: integer('finished_at'),
  illBefore: text('ill_before', { mode: 'json' }).$type<IllBefore>().notNull().default([]),
});

export const haUpdateSteps = sqliteTable(
  'ha_update_steps',
  {
    updateId: text('update_id')
      .notNull()
      .references(() => haUpdates.id, { onDelete: 'cascade' }),
    position: integer().notNull(),
    nodeId: integer('node_id').notNull(),
    name: text().notNull(),
    state: text({ enum: HA_STEP_STATES }).notNull(),
    detail: text().notNull(),
    /** It was taken out of service for this, and goes back. */
    drained: integer({ mode: 'boolean' }).notNull(),
    stateAt: integer('state_at').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.updateId, table.position] }),
    index('ha_update_steps_node').on(table.nodeId),
  ],
);
