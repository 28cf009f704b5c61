import { z } from 'zod';
import { defineRoute, IF_MATCH } from './route';

/**
 * Rows kept unless an admin says otherwise. Every replica trims by them: other numbers need a command of a new feature level,
 * or nodes of two builds would differ.
 */
export const RETENTION_DEFAULTS = { events: 50_000, audit: 200_000 } as const;

export const retentionSchema = z
  .object({
    events: z.int().min(1_000).max(500_000).describe('Events that are kept, newest first.'),
    audit: z.int().min(1_000).max(2_000_000).describe('Audit records that are kept, newest first.'),
  })
  .meta({ id: 'Retention' });
export type Retention = z.infer<typeof retentionSchema>;

const viewSchema = retentionSchema
  .extend({ stored: z.object({ events: z.int(), audit: z.int() }).describe('Rows that are there now.') })
  .meta({ id: 'RetentionView' });
export type RetentionView = z.infer<typeof viewSchema>;

const common = { path: '/v1/settings/retention', tag: 'Settings', response: viewSchema } as const;

export const retentionRoutes = {
  get: defineRoute({
    ...common,
    id: 'settings.retention.get',
    method: 'get',
    access: 'viewer',
    summary: 'How many events and audit records are kept, with an ETag',
  }),
  put: defineRoute({
    ...common,
    id: 'settings.retention.put',
    method: 'put',
    access: 'admin',
    summary: 'Set how many events and audit records are kept; honours If-Match',
    description: 'A lower number removes the oldest rows, some thousands with each further write.',
    requestHeaders: IF_MATCH,
    body: retentionSchema,
    errors: ['precondition_failed', 'validation_failed'],
  }),
};
