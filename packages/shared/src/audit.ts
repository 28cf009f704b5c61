import { z } from 'zod';
import { pageOf, pageQuery, timestamp } from './pagination';
import { defineRoute } from './route';

export const auditRecordSchema = z
  .object({
    seq: z.int(),
    index: z.int(),
    at: timestamp,
    command_id: z.string(),
    /** Command type, such as `users.create`. */
    action: z.string(),
    actor: z.string(),
    actor_kind: z.enum(['user', 'api_token', 'local', 'node', 'anonymous']),
    target: z.string(),
    outcome: z.enum(['ok', 'refused']),
    /** Error code of a refusal, or empty. */
    code: z.string(),
    node_id: z.int(),
  })
  .meta({ id: 'AuditRecord' });
export type AuditRecord = z.infer<typeof auditRecordSchema>;

export const auditRoutes = {
  list: defineRoute({
    id: 'audit.list',
    method: 'get',
    path: '/v1/audit',
    access: 'operator',
    tag: 'Watching',
    summary: 'Who changed what, newest first',
    query: pageQuery.extend({ actor: z.string().max(64).optional(), action: z.string().max(64).optional() }),
    response: pageOf(auditRecordSchema),
  }),
};
