import type { HaproxyVersion } from '@quorate/shared/haproxy';
import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core';

/** One row (id 1) once the settings were saved; none = the defaults. */
export const haproxySettings = sqliteTable('haproxy_settings', {
  id: integer().primaryKey(),
  /** JSON as the proposer wrote it, so that every node stores the same bytes whatever its version. */
  settings: text().notNull(),
  updatedAt: integer('updated_at').notNull(),
});

export const haproxyRevisions = sqliteTable('haproxy_revisions', {
  revision: integer().primaryKey(),
  etag: text().notNull(),
  createdAt: integer('created_at').notNull(),
  index: integer('log_index').notNull(),
  reason: text().notNull(),
  version: text().$type<HaproxyVersion>().notNull(),
  servers: integer().notNull(),
  /** ETag of the settings it was made with, to tell why the next one differs. */
  settingsEtag: text('settings_etag').notNull(),
  config: text().notNull(),
});
