import { z } from 'zod';
import { nodeId, uuidParam } from './names';
import { pageOf, pageQuery, timestamp } from './pagination';
import { defineRoute, IF_MATCH } from './route';

export const BACKUP_STATES = ['queued', 'running', 'completed', 'failed', 'deleting'] as const;
export type BackupState = (typeof BACKUP_STATES)[number];

/** What making a backup does, in order. */
export const BACKUP_STAGES = ['waiting', 'copying', 'checking', 'encrypting', 'storing', 'done'] as const;
export type BackupStage = (typeof BACKUP_STAGES)[number];

export const BACKUP_KINDS = ['manual', 'scheduled', 'safety'] as const;
export type BackupKind = (typeof BACKUP_KINDS)[number];
export const BACKUP_ENCRYPTIONS = ['none', 'passphrase', 'recipients'] as const;
export const BACKUP_VERIFICATIONS = ['none', 'running', 'ok', 'checksum_only', 'failed'] as const;

/** The target that every node has: the folder for backups on its own disk. */
export const LOCAL_TARGET = 'local';

const targetId = z
  .union([z.literal(LOCAL_TARGET), z.uuid()], { error: 'expected local or the id of a target' })
  .describe('`local`: the folder for backups of the node that makes it. Else the id of a target.');

export const backupSchema = z
  .object({
    id: z.uuid(),
    kind: z.enum(BACKUP_KINDS).describe('`safety`: the state from before a restore, kept by the node that restored.'),
    state: z.enum(BACKUP_STATES),
    stage: z.enum(BACKUP_STAGES),
    percent: z.int().min(0).max(100),
    node_id: nodeId.describe('The node that makes it; with the local target the file is on its disk.'),
    target: targetId,
    target_name: z.string(),
    file: z.string().describe('Name of the file at its target.'),
    note: z.string(),
    requested_by: z.string(),
    created_at: timestamp,
    started_at: timestamp.nullable(),
    finished_at: timestamp.nullable(),
    due_at: timestamp.nullable().describe('When the schedule wanted it; null for the others.'),
    bytes: z.int().nullable().describe('Size of the stored file.'),
    sha256: z.string().nullable().describe('Of the stored file, hex.'),
    epoch: z.int().nullable(),
    index: z.int().nullable().describe('The state holds every change up to this log index.'),
    last_change_at: timestamp.nullable(),
    schema_version: z.int().nullable(),
    cluster_id: z.string().nullable(),
    version: z.string().describe('Version of Quorate that made it.'),
    encryption: z.enum(BACKUP_ENCRYPTIONS),
    verification: z.object({
      state: z
        .enum(BACKUP_VERIFICATIONS)
        .describe('`checksum_only`: the file is whole; what is in it cannot be seen without its key.'),
      at: timestamp.nullable(),
      detail: z.string(),
    }),
    error: z.object({ code: z.string(), detail: z.string() }).nullable(),
  })
  .meta({ id: 'Backup' });
export type Backup = z.infer<typeof backupSchema>;

const note = z.string().trim().max(200);
/** A secret: it never enters the log or the state in clear. */
const key = z
  .string()
  .min(1)
  .max(1024)
  .describe('Opens an encrypted file: its passphrase, or an age identity (AGE-SECRET-KEY-…).');
export const backupKeyBody = z.object({ key: key.optional() });

const schedule = {
  enabled: z.boolean(),
  cron: z.string().trim().min(1).max(120).describe('Cron expression of five fields, or six with seconds first.'),
  time_zone: z.string().min(1).max(64).describe('IANA time zone of the expression, such as Europe/Vienna.'),
  target: targetId,
  keep_count: z.int().min(0).max(1000).describe('Scheduled backups that are kept; 0 = as many as there are.'),
  keep_days: z.int().min(0).max(3650).describe('Days after which a scheduled backup is deleted; 0 = never.'),
};

export const backupScheduleSchema = z
  .object({
    ...schedule,
    next_run_at: timestamp.nullable(),
    last_due_at: timestamp.nullable(),
    missed_runs: z.int().describe('Runs that were due while no leader could start them, since the schedule was set.'),
  })
  .meta({ id: 'BackupSchedule' });
export type BackupSchedule = z.infer<typeof backupScheduleSchema>;

export const backupEncryptionSchema = z
  .object({
    mode: z.enum(BACKUP_ENCRYPTIONS),
    recipients: z.array(z.string()).describe('age public keys (age1…) that new backups are encrypted to.'),
    passphrase_set: z.boolean(),
  })
  .meta({ id: 'BackupEncryption' });
export type BackupEncryption = z.infer<typeof backupEncryptionSchema>;

function isS3Endpoint(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  return ['http:', 'https:'].includes(url.protocol) && url.username === '' && url.password === '' && url.search === '';
}

const s3 = {
  name: z.string().trim().min(1).max(64),
  endpoint: z
    .string()
    .max(2048)
    .refine(isS3Endpoint, 'expected http:// or https://, without user name, password or query')
    .describe('URL of the S3 service, without the bucket.'),
  region: z.string().trim().min(1).max(64),
  bucket: z
    .string()
    .regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'use 3 to 63 lower-case letters, digits, dots and dashes'),
  prefix: z
    .string()
    .max(256)
    .regex(/^[A-Za-z0-9!_.*'()/-]*$/, "use letters, digits and !_.*'()-/")
    .refine((text) => !text.startsWith('/'), 'must not begin with a slash')
    .describe('Put before the name of each file, such as `quorate/`.'),
  access_key_id: z.string().min(1).max(256),
};
const secretKey = z.string().min(1).max(512).describe('Stored encrypted under the cluster key, never shown again.');

export const backupTargetSchema = z
  .object({ id: z.uuid(), kind: z.literal('s3'), ...s3, created_at: timestamp, backups: z.int() })
  .meta({ id: 'BackupTarget' });
export type BackupTarget = z.infer<typeof backupTargetSchema>;

const TAG = 'Data safety';

export const backupRoutes = {
  schedule: defineRoute({
    id: 'backups.schedule.get',
    method: 'get',
    path: '/v1/backups/schedule',
    access: 'viewer',
    tag: TAG,
    summary: 'When backups are made by themselves and how long they are kept',
    response: backupScheduleSchema,
  }),
  setSchedule: defineRoute({
    id: 'backups.schedule.put',
    method: 'put',
    path: '/v1/backups/schedule',
    access: 'admin',
    tag: TAG,
    summary: 'Set the schedule and the retention of scheduled backups; honours If-Match',
    requestHeaders: IF_MATCH,
    description:
      'The leader starts one backup for each due time, exactly once. Times that passed while there was no leader are made up for by one backup and counted. Retention never deletes the last good backup, and no manual one.',
    body: z.object({
      ...schedule,
      cron: schedule.cron.default('0 3 * * *'),
      time_zone: schedule.time_zone.default('UTC'),
      target: targetId.default(LOCAL_TARGET),
      keep_count: schedule.keep_count.default(14),
      keep_days: schedule.keep_days.default(0),
    }),
    response: backupScheduleSchema,
    errors: ['not_found', 'precondition_failed'],
  }),
  encryption: defineRoute({
    id: 'backups.encryption.get',
    method: 'get',
    path: '/v1/backups/encryption',
    access: 'operator',
    tag: TAG,
    summary: 'How new backups are encrypted',
    response: backupEncryptionSchema,
  }),
  setEncryption: defineRoute({
    id: 'backups.encryption.put',
    method: 'put',
    path: '/v1/backups/encryption',
    access: 'admin',
    tag: TAG,
    summary: 'Encrypt new backups as age files: with a passphrase, to public keys, or not at all; honours If-Match',
    requestHeaders: IF_MATCH,
    description:
      'The passphrase is stored encrypted under the cluster key, so that scheduled backups can use it, and is never shown. Keep it elsewhere too: who restores is asked for it.',
    body: z.object({
      mode: z.enum(BACKUP_ENCRYPTIONS),
      passphrase: z
        .string()
        .min(12, 'use at least 12 characters')
        .max(1024)
        .optional()
        .describe('With mode passphrase; leave it out to keep the present one.'),
      recipients: z
        .array(z.string().regex(/^age1[a-z0-9]{10,4000}$/, 'expected an age public key: age1…'))
        .max(16)
        .default([])
        .describe('With mode recipients: age public keys, each of which can open the files with its identity.'),
    }),
    response: backupEncryptionSchema,
    errors: ['precondition_failed'],
  }),
  targets: defineRoute({
    id: 'backups.targets.list',
    method: 'get',
    path: '/v1/backups/targets',
    access: 'operator',
    tag: TAG,
    summary: 'S3-compatible targets, by name',
    query: pageQuery,
    response: pageOf(backupTargetSchema),
  }),
  createTarget: defineRoute({
    id: 'backups.targets.create',
    method: 'post',
    path: '/v1/backups/targets',
    access: 'admin',
    tag: TAG,
    summary: 'Add an S3-compatible target',
    body: z.object({
      ...s3,
      region: s3.region.default('us-east-1'),
      prefix: s3.prefix.default(''),
      secret_access_key: secretKey,
    }),
    response: backupTargetSchema,
    status: 201,
    errors: ['name_taken', 'conflict'],
  }),
  updateTarget: defineRoute({
    id: 'backups.targets.update',
    method: 'patch',
    path: '/v1/backups/targets/{id}',
    access: 'admin',
    tag: TAG,
    summary: 'Change a target; its endpoint, bucket and prefix stay while backups are there',
    params: uuidParam,
    body: z.object({
      name: s3.name.optional(),
      endpoint: s3.endpoint.optional(),
      region: s3.region.optional(),
      bucket: s3.bucket.optional(),
      prefix: s3.prefix.optional(),
      access_key_id: s3.access_key_id.optional(),
      secret_access_key: secretKey.optional(),
    }),
    response: backupTargetSchema,
    errors: ['not_found', 'name_taken', 'conflict'],
  }),
  removeTarget: defineRoute({
    id: 'backups.targets.delete',
    method: 'delete',
    path: '/v1/backups/targets/{id}',
    access: 'admin',
    tag: TAG,
    summary: 'Remove a target that no backup and no schedule uses',
    params: uuidParam,
    query: z.object({
      forget: z.stringbool().default(false).describe('Forget its backups as well; their files stay in the bucket.'),
    }),
    errors: ['not_found', 'conflict'],
  }),
  testTarget: defineRoute({
    id: 'backups.targets.test',
    method: 'post',
    path: '/v1/backups/targets/{id}/test',
    access: 'admin',
    tag: TAG,
    summary: 'Write, read and delete a small object from the node that answers',
    params: uuidParam,
    response: z.object({ ok: z.boolean(), error: z.string(), duration_ms: z.int() }),
    errors: ['not_found'],
  }),
  list: defineRoute({
    id: 'backups.list',
    method: 'get',
    path: '/v1/backups',
    access: 'viewer',
    tag: TAG,
    summary: 'Backups, newest first',
    query: pageQuery.extend({
      state: z.enum(BACKUP_STATES).optional().describe('Only this state.'),
      kind: z.enum(BACKUP_KINDS).optional().describe('Only this kind.'),
    }),
    response: pageOf(backupSchema),
  }),
  create: defineRoute({
    id: 'backups.create',
    method: 'post',
    path: '/v1/backups',
    access: 'operator',
    tag: TAG,
    summary: 'Make a backup now; follow it at GET /v1/backups/{id}',
    description:
      'A consistent copy of the state, made while writes go on, checked, encrypted where that is set up, and stored.',
    body: z.object({
      target: targetId.default(LOCAL_TARGET),
      node_id: nodeId.optional().describe('The node that makes it; without it, the one that answers.'),
      note: note.default(''),
    }),
    response: backupSchema,
    status: 202,
    errors: ['not_found', 'conflict'],
  }),
  get: defineRoute({
    id: 'backups.get',
    method: 'get',
    path: '/v1/backups/{id}',
    access: 'viewer',
    tag: TAG,
    summary: 'One backup with its progress',
    params: uuidParam,
    response: backupSchema,
    errors: ['not_found'],
  }),
  content: defineRoute({
    id: 'backups.content',
    method: 'get',
    path: '/v1/backups/{id}/content',
    access: 'admin',
    tag: TAG,
    summary: 'The file, streamed from wherever it is',
    description:
      'Repr-Digest carries its sha256 (RFC 9530). It holds password hashes and encrypted keys: keep it as a secret.',
    params: uuidParam,
    contentType: 'application/octet-stream',
    errors: ['not_found', 'conflict', 'backup_unavailable'],
  }),
  verify: defineRoute({
    id: 'backups.verify',
    method: 'post',
    path: '/v1/backups/{id}/verify',
    access: 'operator',
    tag: TAG,
    summary: 'Read the stored file back: checksum, and what is in it',
    description: 'The node that answers does it; follow `verification` at GET /v1/backups/{id}.',
    params: uuidParam,
    body: backupKeyBody,
    response: backupSchema,
    status: 202,
    errors: ['not_found', 'conflict'],
  }),
  remove: defineRoute({
    id: 'backups.delete',
    method: 'delete',
    path: '/v1/backups/{id}',
    access: 'admin',
    tag: TAG,
    summary: 'Delete a backup with its file; a file on a node that is down goes when that node is back',
    params: uuidParam,
    errors: ['not_found', 'conflict'],
  }),
};
