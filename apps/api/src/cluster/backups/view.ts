import {
  type Backup,
  type BackupEncryption,
  type BackupSchedule,
  type BackupTarget,
  backupEncryptionSchema,
  backupSchema,
} from '@quorate/shared/backups';
import type { StateDb } from '../../db/state-store';
import { toTimestamp } from '../../lib/clock';
import { nextRunAt } from '../../reconcile/cron';
import { type BackupRow, countBackupsAt, currentSettings, type TargetRow, targetName } from './queries';

const timeOf = (ms: number | null): string | null => (ms === null ? null : toTimestamp(ms));
const { kind, state, stage, encryption } = backupSchema.shape;
const verification = backupSchema.shape.verification.shape.state;

export const viewBackup = (db: StateDb, row: BackupRow): Backup => ({
  id: row.id,
  kind: kind.parse(row.kind),
  state: state.parse(row.state),
  stage: stage.parse(row.stage),
  percent: row.percent,
  node_id: row.nodeId,
  target: row.target,
  target_name: targetName(db, row.target),
  file: row.file,
  note: row.note,
  requested_by: row.requestedBy,
  created_at: toTimestamp(row.createdAt),
  started_at: timeOf(row.startedAt),
  finished_at: timeOf(row.finishedAt),
  due_at: timeOf(row.dueAt),
  bytes: row.bytes,
  sha256: row.sha256,
  epoch: row.epoch,
  index: row.index,
  last_change_at: timeOf(row.lastChangeAt),
  schema_version: row.schemaVersion,
  cluster_id: row.clusterId,
  version: row.version,
  encryption: encryption.parse(row.encryption),
  verification: {
    state: verification.parse(row.verification),
    at: timeOf(row.verifiedAt),
    detail: row.verifyDetail,
  },
  error: row.errorCode === null ? null : { code: row.errorCode, detail: row.errorDetail ?? '' },
});

export function viewSchedule(db: StateDb, nowMs: number): BackupSchedule {
  const settings = currentSettings(db);
  return {
    enabled: settings.enabled,
    cron: settings.cron,
    time_zone: settings.timeZone,
    target: settings.target,
    keep_count: settings.keepCount,
    keep_days: settings.keepDays,
    next_run_at: timeOf(nextRunAt(settings, nowMs)),
    last_due_at: timeOf(settings.lastDueAt),
    missed_runs: settings.missedRuns,
  };
}

export function viewEncryption(db: StateDb): BackupEncryption {
  const settings = currentSettings(db);
  return {
    mode: backupEncryptionSchema.shape.mode.parse(settings.encryption),
    recipients: JSON.parse(settings.recipients) as string[],
    passphrase_set: settings.passphraseJwe !== null,
  };
}

export const viewTarget = (db: StateDb, row: TargetRow): BackupTarget => ({
  id: row.id,
  kind: 's3',
  name: row.name,
  endpoint: row.endpoint,
  region: row.region,
  bucket: row.bucket,
  prefix: row.prefix,
  access_key_id: row.accessKeyId,
  created_at: toTimestamp(row.createdAt),
  backups: countBackupsAt(db, row.id),
});
