import { blob, integer, sqliteTable, text } from 'drizzle-orm/sqlite-core';

/** One row: what this file contains. Written in the same transaction as the entry it speaks of. */
export const systemState = sqliteTable('system_state', {
  id: integer().primaryKey(),
  epoch: integer().notNull(),
  appliedIndex: integer('applied_index').notNull(),
  /** Resume hint of the log (etcd: mod revision). */
  cursor: text().notNull(),
  /** sha256 over the previous chain value and the entry's bytes. */
  chain: blob({ mode: 'buffer' }).notNull(),
  /** Latest `at` of an applied command, ms since the epoch; apply time never goes back. */
  lastAt: integer('last_at').notNull(),
});

/** Outcomes by command id: what makes a resent command harmless. Bounded, see apply-entry. */
export const seenCommands = sqliteTable('seen_commands', {
  id: text().primaryKey(),
  logIndex: integer('log_index').notNull(),
  /** Ascends with the rowid, so trimming by age needs no index, which every command would pay for. */
  at: integer().notNull(),
  fingerprint: text().notNull(),
  outcome: text().notNull(),
});

/**
 * Domain events, recorded exactly once by apply. `seq` is the same on every node. No index but the key, here and for
 * audit: each would be paid for by every command, while a filter reads bounded rows in a few milliseconds.
 */
export const events = sqliteTable('events', {
  seq: integer().primaryKey(),
  id: text().notNull(),
  type: text().notNull(),
  sourceNode: integer('source_node').notNull(),
  logIndex: integer('log_index').notNull(),
  term: integer(),
  at: integer().notNull(),
  actor: text().notNull(),
  message: text().notNull(),
  data: text().notNull(),
});

/** One row (id 1) once an admin has said how many events and audit records to keep. */
export const retention = sqliteTable('retention', {
  id: integer().primaryKey(),
  events: integer().notNull(),
  audit: integer().notNull(),
});

/** One row a command with an actor: who asked for what, and whether it was refused. */
export const audit = sqliteTable('audit', {
  seq: integer().primaryKey(),
  logIndex: integer('log_index').notNull(),
  at: integer().notNull(),
  commandId: text('command_id').notNull(),
  action: text().notNull(),
  actorKind: text('actor_kind').notNull(),
  actor: text().notNull(),
  target: text().notNull(),
  outcome: text().notNull(),
  code: text().notNull(),
  nodeId: integer('node_id').notNull(),
});
