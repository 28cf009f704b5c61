import { z } from 'zod';
import { backupKeyBody } from './backups';
import { clusterSchema } from './cluster';
import type { ErrorCode } from './error-codes';
import { HEADER } from './http-headers';
import { nodeId } from './names';
import { timestamp } from './pagination';
import { defineRoute } from './route';

/** What a restore does, in order. Until `switching` begins nothing has changed, and it can fail without a trace. */
export const RESTORE_STAGES = [
  'fetching',
  'checking',
  'safety_backup',
  'preparing',
  'staging',
  'switching',
  'finishing',
] as const;
export type RestoreStage = (typeof RESTORE_STAGES)[number];

export const restoreNodeSchema = z.object({
  id: nodeId,
  name: z.string(),
  state: z
    .enum(['waiting', 'staging', 'staged', 'switched', 'unreachable'])
    .describe('`unreachable`: it fetches the restored state from another member when it is back.'),
});

export const restoreOperationSchema = z
  .object({
    id: z.uuid(),
    kind: z
      .enum(['restore', 'init'])
      .describe('`init`: a fresh node of a cluster of its own took its state from a file.'),
    node_id: nodeId.describe('The node that carries it out.'),
    state: z.enum(['running', 'succeeded', 'failed']),
    stage: z.enum(RESTORE_STAGES),
    percent: z.int().min(0).max(100).describe('Of the whole operation.'),
    source: z.string().describe('What is restored: the id of a backup, or the name of a file.'),
    requested_by: z.string(),
    started_at: timestamp,
    finished_at: timestamp.nullable(),
    file: z
      .object({
        epoch: z.int(),
        index: z.int(),
        last_change_at: timestamp,
        bytes: z.int(),
        sha256: z.string().describe('Of the file as it is staged on the members; empty until it is prepared.'),
      })
      .nullable()
      .describe('What the file holds, once it is known.'),
    safety_backup: z
      .string()
      .nullable()
      .describe('Path, on the node that carries it out, of a copy of the state from before.'),
    epoch: z.int().nullable().describe('The epoch that the restored state begins.'),
    nodes: z.array(restoreNodeSchema),
    error: z.object({ code: z.string(), detail: z.string() }).nullable(),
  })
  .meta({ id: 'RestoreOperation' });
export type RestoreOperation = z.infer<typeof restoreOperationSchema>;

const FILE_ERRORS = [
  'backup_not_a_state',
  'backup_damaged',
  'backup_encrypted',
  'backup_wrong_key',
  'backup_schema_older',
  'backup_schema_newer',
  'backup_without_admin',
  'disk_space',
] as const satisfies readonly ErrorCode[];
const START_ERRORS = [
  'restore_in_progress',
  'backup_other_cluster',
  'conflict',
] as const satisfies readonly ErrorCode[];

const localFile = backupKeyBody.extend({
  path: z.string().min(1).max(4096).describe('Absolute path on this host.'),
});
const UPLOAD_ERRORS = ['unsupported_media_type', 'body_too_large'] as const satisfies readonly ErrorCode[];
const uploadHeaders = {
  [HEADER.backupKey]: 'What opens an encrypted file: base64url of its passphrase or age identity in UTF-8.',
};

export const stateFileSchema = z
  .object({
    encrypted: z.boolean(),
    cluster_id: z.string(),
    cluster_name: z.string(),
    this_cluster: z.boolean().describe('Only a file of this cluster can be restored here.'),
    epoch: z.int(),
    index: z.int(),
    last_change_at: timestamp,
    schema_version: z.int(),
    bytes: z.int(),
  })
  .meta({ id: 'StateFile' });
export type StateFile = z.infer<typeof stateFileSchema>;

export const restoreRoutes = {
  get: defineRoute({
    id: 'restore.get',
    method: 'get',
    path: '/v1/cluster/restore',
    access: 'viewer',
    tag: 'Data safety',
    summary: 'The restore that is running, or the last one that this node knows of',
    response: z.object({ operation: restoreOperationSchema.nullable() }),
  }),
  upload: defineRoute({
    id: 'restore.upload',
    method: 'post',
    path: '/v1/cluster/restore',
    access: 'admin',
    tag: 'Data safety',
    summary: 'Restore the cluster from an uploaded state file, without a restart',
    description:
      'The body is the file itself (application/octet-stream). It is checked before anything changes; a copy of the present state is kept. Follow the operation at GET /v1/cluster/restore.',
    upload: true,
    requestHeaders: uploadHeaders,
    query: z.object({ name: z.string().max(255).default('upload').describe('What to call the file in events.') }),
    response: restoreOperationSchema,
    status: 202,
    errors: [...START_ERRORS, ...FILE_ERRORS, ...UPLOAD_ERRORS],
  }),
  inspect: defineRoute({
    id: 'restore.inspect',
    method: 'post',
    path: '/v1/cluster/restore/inspect',
    access: 'admin',
    tag: 'Data safety',
    summary: 'Say what an uploaded state file holds; nothing is changed and nothing is kept',
    upload: true,
    requestHeaders: uploadHeaders,
    response: stateFileSchema,
    errors: [...FILE_ERRORS, ...UPLOAD_ERRORS],
  }),
  fromBackup: defineRoute({
    id: 'restore.from_backup',
    method: 'post',
    path: '/v1/backups/{id}/restore',
    access: 'admin',
    tag: 'Data safety',
    summary: 'Restore the cluster from one of its backups, without a restart',
    description: 'Follow the operation at GET /v1/cluster/restore; a file that cannot be used fails it.',
    params: z.object({ id: z.string().min(1).max(64) }),
    body: backupKeyBody,
    response: restoreOperationSchema,
    status: 202,
    errors: ['not_found', 'backup_unavailable', ...START_ERRORS, ...FILE_ERRORS],
  }),
  fromFile: defineRoute({
    id: 'restore.from_file',
    method: 'post',
    path: '/v1/agent/cluster/restore-from-db',
    access: 'local',
    tag: 'Data safety',
    summary: 'Restore the cluster from a state file on this host',
    body: localFile,
    response: restoreOperationSchema,
    status: 202,
    errors: ['not_found', ...START_ERRORS, ...FILE_ERRORS],
  }),
  initFromFile: defineRoute({
    id: 'restore.init_from_file',
    method: 'post',
    path: '/v1/agent/cluster/init-from-db',
    access: 'local',
    tag: 'Data safety',
    summary: 'Make this fresh node a cluster of its own with the content of a state file, of whichever cluster',
    body: localFile,
    response: restoreOperationSchema,
    status: 202,
    errors: ['not_found', 'already_set_up', ...START_ERRORS, ...FILE_ERRORS],
  }),
  initCluster: defineRoute({
    id: 'cluster.init',
    method: 'post',
    path: '/v1/agent/cluster/init',
    access: 'local',
    tag: 'Cluster',
    summary: 'Turn this single node into a Raft cluster of one voter, as minting a join token does. Idempotent',
    response: clusterSchema,
    errors: ['raft_engine_unavailable'],
  }),
};
