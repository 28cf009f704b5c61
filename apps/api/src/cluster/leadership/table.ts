import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core';

/** Who led in which Raft term. One row a term, so that a change is recorded once however many nodes report it. */
export const leadershipTerms = sqliteTable('leadership_terms', {
  term: integer().primaryKey(),
  nodeId: integer('node_id').notNull(),
  at: integer().notNull(),
  /** Log index of the record: from here on, entries are said to be of this term. Unknown for records of old versions. */
  logIndex: integer('log_index'),
});

/** What a change of leadership cost, as the new leader measured it. One row a term. */
export const failovers = sqliteTable('failovers', {
  term: integer().primaryKey(),
  fromNode: integer('from_node').notNull(),
  toNode: integer('to_node').notNull(),
  at: integer().notNull(),
  reason: text().notNull(),
  /** Who asked for it; empty when nobody did. */
  requestedBy: text('requested_by').notNull(),
  writeGapMs: integer('write_gap_ms'),
  /** Where the measured time begins; see docs/monitoring.md. */
  measuredFrom: text('measured_from'),
  /** Longest time without an acknowledged write, of a test with a probe. */
  probeGapMs: integer('probe_gap_ms'),
});

/** Why leadership is about to be handed over: one row, read when the next term is recorded. */
export const failoverIntents = sqliteTable('failover_intents', {
  id: integer().primaryKey(),
  fromNode: integer('from_node').notNull(),
  reason: text().notNull(),
  requestedBy: text('requested_by').notNull(),
  at: integer().notNull(),
});
