import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core';

/** Sessions that were signed out before they expired. Rows go when the session would have expired anyway. */
export const revokedSessions = sqliteTable('revoked_sessions', {
  id: text().primaryKey(),
  expiresAt: integer('expires_at').notNull(),
});
