import { integer, sqliteTable } from 'drizzle-orm/sqlite-core';

/** Who led in which Raft term. One row a term, so that a change is recorded once however many nodes report it. */
export const leadershipTerms = sqliteTable('leadership_terms', {
  term: integer().primaryKey(),
  nodeId: integer('node_id').notNull(),
  at: integer().notNull(),
});
