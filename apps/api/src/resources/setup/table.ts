import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core';

/** One row: what the cluster is. Written when the first node starts, completed by the setup. */
export const clusterInfo = sqliteTable('cluster_info', {
  id: integer().primaryKey(),
  clusterId: text('cluster_id').notNull(),
  name: text().notNull(),
  caCert: text('ca_cert').notNull(),
  createdAt: integer('created_at').notNull(),
  /** Null until the first admin exists. */
  setUpAt: integer('set_up_at'),
});

/** Keys that every core node needs, as JWE under the cluster key (which is on disk only, mode 0600). */
export const clusterSecrets = sqliteTable('cluster_secrets', {
  name: text().primaryKey(),
  jwe: text().notNull(),
  updatedAt: integer('updated_at').notNull(),
});

/** Which cluster key the secrets above are under. One row, since the first time that it was rotated. */
export const clusterKey = sqliteTable('cluster_key', {
  id: integer().primaryKey(),
  keyId: text('key_id').notNull(),
  createdAt: integer('created_at').notNull(),
});
