import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core';

export const users = sqliteTable('users', {
  id: text().primaryKey(),
  username: text().notNull().unique(),
  role: text({ enum: ['viewer', 'operator', 'admin'] }).notNull(),
  /** argon2id in PHC format, made by the proposer. */
  passwordHash: text('password_hash').notNull(),
  /** Sessions carry this number; raising it ends them all. */
  sessionVersion: integer('session_version').notNull(),
  /** The session in which the last password was set by the user; it alone survives that. */
  keptSession: text('kept_session'),
  createdAt: integer('created_at').notNull(),
  updatedAt: integer('updated_at').notNull(),
});
