import { z } from 'zod';
import { nodeId } from './names';
import { timestamp } from './pagination';
import { defineRoute } from './route';

export const snapshotSchema = z
  .object({
    node_id: nodeId.describe('The node that keeps it.'),
    path: z.string().describe('On that node.'),
    epoch: z.int(),
    index: z.int(),
    bytes: z.int(),
    sha256: z.string(),
    schema_version: z.int(),
    created_at: timestamp,
  })
  .meta({ id: 'Snapshot' });
export type Snapshot = z.infer<typeof snapshotSchema>;

export const snapshotRoutes = {
  list: defineRoute({
    id: 'snapshots.list',
    method: 'get',
    path: '/v1/snapshots',
    access: 'viewer',
    tag: 'Data safety',
    summary: 'The verified copies of the state that the answering node keeps, newest first',
    response: z.object({ items: z.array(snapshotSchema), next_cursor: z.string().nullable() }),
  }),
  create: defineRoute({
    id: 'snapshots.create',
    method: 'post',
    path: '/v1/snapshots',
    access: 'operator',
    tag: 'Data safety',
    summary:
      'Make and verify a snapshot on the answering node now; one that holds the present state already is answered',
    response: snapshotSchema,
    status: 201,
    errors: ['disk_space', 'conflict'],
  }),
};
