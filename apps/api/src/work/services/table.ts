import type { Autoscaling, ServiceSpec } from '@quorate/shared/services';
import { REPLICA_STATES, ROLLOUT_STATES } from '@quorate/shared/services';
import { index, integer, primaryKey, real, sqliteTable, text } from 'drizzle-orm/sqlite-core';

export const services = sqliteTable('services', {
  name: text().primaryKey(),
  /** Of the specification that shall run. */
  revision: integer().notNull(),
  /** The last one that ran everywhere in health; null before the first. A roll-out that fails goes back to it. */
  stableRevision: integer('stable_revision'),
  /** Numbers are not used twice. */
  lastRevision: integer('last_revision').notNull(),
  /** Replicas that somebody, or the autoscaler, asked for. */
  replicas: integer().notNull(),
  system: integer({ mode: 'boolean' }).notNull(),
  autoscaling: text({ mode: 'json' }).$type<Autoscaling>(),
  rollout: text({ enum: ROLLOUT_STATES }).notNull(),
  rolloutDetail: text('rollout_detail').notNull(),
  rolloutAt: integer('rollout_at').notNull(),
  /** Changes with the specification; its ETag. */
  version: integer().notNull(),
  createdAt: integer('created_at').notNull(),
  updatedAt: integer('updated_at').notNull(),
});

/** Specifications, by service. They stay until the last replica of the service has ended. */
export const serviceRevisions = sqliteTable(
  'service_revisions',
  {
    service: text().notNull(),
    revision: integer().notNull(),
    spec: text({ mode: 'json' }).$type<ServiceSpec>().notNull(),
    /** Why it is not to be run again; empty for one that is well, as far as is known. */
    failure: text().notNull(),
    createdBy: text('created_by').notNull(),
    createdAt: integer('created_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.service, table.revision] })],
);

/** Replica slots: where each is placed, and what its runner last said of it. A row may outlive its service. */
export const serviceReplicas = sqliteTable(
  'service_replicas',
  {
    service: text().notNull(),
    slot: integer().notNull(),
    /** Of this placement, unique in the cluster and growing; 0 while it was never placed. */
    generation: integer().notNull(),
    /** Null while nobody has it. */
    runnerId: text('runner_id'),
    revision: integer().notNull(),
    /** `stop`: its runner is to end it and say so; only then somebody else may have the slot. */
    want: text({ enum: ['run', 'stop'] }).notNull(),
    /** It is to begin anew where it is, when its turn comes. */
    restart: integer({ mode: 'boolean' }).notNull(),
    state: text({ enum: REPLICA_STATES }).notNull(),
    reason: text().notNull(),
    ports: text({ mode: 'json' }).$type<Record<string, number>>().notNull(),
    restarts: integer().notNull(),
    /** The number of the last report of this generation; 0 before the first. */
    n: integer().notNull(),
    /** When the generation began. */
    placedAt: integer('placed_at').notNull(),
    /** Since when it is in its state. */
    stateAt: integer('state_at').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.service, table.slot] }),
    index('service_replicas_runner').on(table.runnerId),
  ],
);

/** One row: the last generation that was given out. */
export const replicaGenerations = sqliteTable('replica_generations', {
  id: integer().primaryKey(),
  last: integer().notNull(),
});

/** What the autoscaler decided, and why. The oldest go first. */
export const autoscaleDecisions = sqliteTable(
  'autoscale_decisions',
  {
    id: integer().primaryKey(),
    service: text().notNull(),
    at: integer().notNull(),
    from: integer('from_replicas').notNull(),
    to: integer('to_replicas').notNull(),
    metric: text({ enum: ['cpu', 'queue'] }).notNull(),
    /** Null while it was not known. */
    value: real(),
    target: real().notNull(),
    reason: text().notNull(),
  },
  (table) => [index('autoscale_decisions_service').on(table.service, table.id)],
);

export type ServiceRow = typeof services.$inferSelect;
export type ReplicaRow = typeof serviceReplicas.$inferSelect;
