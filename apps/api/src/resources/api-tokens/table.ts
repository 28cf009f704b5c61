import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core';

export const apiTokens = sqliteTable('api_tokens', {
  id: text().primaryKey(),
  name: text().notNull().unique(),
  role: text({ enum: ['viewer', 'operator', 'admin'] }).notNull(),
  /** sha256 hex: the token has 256 random bits, so a slow hash would add nothing. */
  hash: text().notNull().unique(),
  hint: text().notNull(),
  createdBy: text('created_by').notNull(),
  createdAt: integer('created_at').notNull(),
  expiresAt: integer('expires_at'),
});
