import { z } from 'zod';
import { pageOf, pageQuery, timestamp } from './pagination';
import { defineRoute } from './route';

export const auditRecordSchema = z
  .object({
    seq: z.int(),
    index: z.int().describe('Log index of the entry that holds the command.'),
    at: timestamp,
    command_id: z.string(),
    action: z.string().describe('Command type, such as `users.create`.'),
    actor: z.string(),
    actor_kind: z.enum(['user', 'api_token', 'local', 'node', 'upstream', 'anonymous']),
    target: z.string(),
    outcome: z.enum(['ok', 'refused']),
    code: z.string().describe('Error code of a refusal, or empty.'),
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
    query: pageQuery.extend({
      actor: z.string().max(64).optional().describe('Only changes by this user or token.'),
      action: z.string().max(64).optional().describe('Only this command type, such as `users.create`.'),
    }),
    response: pageOf(auditRecordSchema),
  }),
};
