import { z } from 'zod';
import { nodeId } from './names';
import { timestamp } from './pagination';
import { defineRoute } from './route';

export const replicaCheckSchema = z
  .object({
    epoch: z.int(),
    index: z.int().describe('The log index at which every node took the digest of its state.'),
    at: timestamp.nullable(),
    verdict: z.enum(['pending', 'equal', 'diverged']).describe('`pending`: fewer than two nodes have answered yet.'),
    replicas: z.array(
      z.object({
        id: nodeId,
        name: z.string(),
        digest: z.string().nullable().describe('sha256 over every row, hex; null = not known.'),
        agrees: z.boolean().nullable().describe('Whether it equals what most have; null = not known.'),
      }),
    ),
  })
  .meta({ id: 'ReplicaCheck' });
export type ReplicaCheck = z.infer<typeof replicaCheckSchema>;

export const replicaRoutes = {
  get: defineRoute({
    id: 'replicas.get',
    method: 'get',
    path: '/v1/cluster/replicas',
    access: 'viewer',
    tag: 'Cluster',
    summary: 'The last comparison of the state between members',
    response: z.object({ check: replicaCheckSchema.nullable() }),
  }),
  check: defineRoute({
    id: 'replicas.check',
    method: 'post',
    path: '/v1/cluster/replicas',
    access: 'operator',
    tag: 'Cluster',
    summary: 'Compare the state of every member now. Follow it at GET of the same path',
    response: z.object({ index: z.int().describe('The comparison stands at or after this log index.') }),
    status: 202,
    errors: ['single_mode', 'no_quorum'],
  }),
};
