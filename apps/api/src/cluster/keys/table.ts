import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core';

/** What each member says of its certificate and of what it trusts. Only the member itself writes its row. */
export const nodeKeys = sqliteTable('node_keys', {
  nodeId: integer('node_id').primaryKey(),
  certPem: text('cert_pem').notNull(),
  /** Fingerprint of the CA that signed it; empty when that is not known. */
  issuer: text().notNull(),
  /** Fingerprints of the CAs that its etcd trusts, which learns them when it starts. */
  trusts: text({ mode: 'json' }).$type<string[]>().notNull(),
  /** The cluster key that it holds. */
  clusterKeyId: text('cluster_key_id').notNull(),
  reportedAt: integer('reported_at').notNull(),
});

/** Keys that sign no more, but whose sessions go on until they expire. */
export const retiredSessionKeys = sqliteTable('retired_session_keys', {
  id: text().primaryKey(),
  jwe: text().notNull(),
  createdAt: integer('created_at').notNull(),
  acceptedUntil: integer('accepted_until').notNull(),
});

/** The cluster key, encrypted to the key of each member: how one that was down gets it. */
export const clusterKeyCopies = sqliteTable('cluster_key_copies', {
  nodeId: integer('node_id').primaryKey(),
  wrapped: text().notNull(),
});

/** The change of the CA that runs, or the last one. One row. */
export const caRotation = sqliteTable('ca_rotation', {
  id: integer().primaryKey(),
  operationId: text('operation_id').notNull(),
  stage: text({ enum: ['trusting', 'ready', 'reissuing', 'dropping', 'finished'] }).notNull(),
  oldCaCert: text('old_ca_cert').notNull(),
  newCaCert: text('new_ca_cert').notNull(),
  /** Private key of the new CA under the cluster key, until it takes over. */
  newKeyJwe: text('new_key_jwe'),
  /** The member that may restart its etcd now. */
  turnNode: integer('turn_node'),
  /** Stop before certificates change, until load balancers and clients trust the new CA. */
  hold: integer({ mode: 'boolean' }).notNull().default(false),
  requestedBy: text('requested_by').notNull(),
  startedAt: integer('started_at').notNull(),
  stageAt: integer('stage_at').notNull(),
});

export type CaRotation = typeof caRotation.$inferSelect;
