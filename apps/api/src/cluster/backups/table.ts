import { index, integer, sqliteTable, text } from 'drizzle-orm/sqlite-core';

/** Backups: what is asked for, under way, and stored. The files are at their targets. */
export const backups = sqliteTable(
  'backups',
  {
    id: text().primaryKey(),
    kind: text().notNull(),
    state: text().notNull(),
    stage: text().notNull(),
    percent: integer().notNull(),
    /** The node that makes it; with the local target the file is on its disk. */
    nodeId: integer('node_id').notNull(),
    /** `local` or the id of a target. */
    target: text().notNull(),
    /** Name of the file at the target, without its prefix. */
    file: text().notNull(),
    note: text().notNull(),
    requestedBy: text('requested_by').notNull(),
    createdAt: integer('created_at').notNull(),
    startedAt: integer('started_at'),
    finishedAt: integer('finished_at'),
    dueAt: integer('due_at'),
    bytes: integer(),
    sha256: text(),
    epoch: integer(),
    index: integer(),
    lastChangeAt: integer('last_change_at'),
    schemaVersion: integer('schema_version'),
    clusterId: text('cluster_id'),
    version: text().notNull(),
    encryption: text().notNull(),
    verification: text().notNull(),
    /** The node that verifies, or did. */
    verifyNode: integer('verify_node'),
    verifiedAt: integer('verified_at'),
    verifyDetail: text('verify_detail').notNull(),
    errorCode: text('error_code'),
    errorDetail: text('error_detail'),
  },
  (table) => [index('backups_state').on(table.state)],
);

/** One row: schedule, retention and encryption. */
export const backupSettings = sqliteTable('backup_settings', {
  id: integer().primaryKey(),
  enabled: integer({ mode: 'boolean' }).notNull(),
  cron: text().notNull(),
  timeZone: text('time_zone').notNull(),
  target: text().notNull(),
  keepCount: integer('keep_count').notNull(),
  keepDays: integer('keep_days').notNull(),
  /** Ascends with each change of the schedule: a run that was planned under another one is not started. */
  revision: integer().notNull(),
  /** Due times up to here were dealt with, ms. */
  doneUntil: integer('done_until').notNull(),
  /** The last time that was due and started, ms. */
  lastDueAt: integer('last_due_at'),
  missedRuns: integer('missed_runs').notNull(),
  encryption: text().notNull(),
  /** JSON list of age public keys. */
  recipients: text().notNull(),
  /** The passphrase of new backups, encrypted under the cluster key. */
  passphraseJwe: text('passphrase_jwe'),
});

/** S3-compatible places for backups. */
export const backupTargets = sqliteTable('backup_targets', {
  id: text().primaryKey(),
  name: text().notNull().unique(),
  endpoint: text().notNull(),
  region: text().notNull(),
  bucket: text().notNull(),
  prefix: text().notNull(),
  accessKeyId: text('access_key_id').notNull(),
  /** The secret access key, encrypted under the cluster key. */
  secretJwe: text('secret_jwe').notNull(),
  createdAt: integer('created_at').notNull(),
});
