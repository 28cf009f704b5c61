import { z } from 'zod';
import { uuidParam } from './names';
import { pageOf, pageQuery, timestamp } from './pagination';
import { defineRoute } from './route';
import { role } from './session';

export const API_TOKEN_PREFIX = 'qa_';
const name = z.string().trim().min(1).max(64);

export const apiTokenSchema = z
  .object({
    id: z.uuid(),
    name,
    role,
    created_at: timestamp,
    created_by: z.string(),
    expires_at: timestamp.nullable(),
    hint: z.string().describe('The first characters, to tell tokens apart; the rest is never shown again.'),
  })
  .meta({ id: 'ApiToken' });
export type ApiToken = z.infer<typeof apiTokenSchema>;

export const apiTokenRoutes = {
  list: defineRoute({
    id: 'api_tokens.list',
    method: 'get',
    path: '/v1/api-tokens',
    access: 'admin',
    tag: 'API tokens',
    summary: 'List API tokens',
    query: pageQuery,
    response: pageOf(apiTokenSchema),
  }),
  create: defineRoute({
    id: 'api_tokens.create',
    method: 'post',
    path: '/v1/api-tokens',
    access: 'admin',
    tag: 'API tokens',
    summary: 'Create an API token; its secret is in this answer only',
    body: z.object({
      name: name.meta({ description: 'What it is for; each name once.', examples: ['monitoring'] }),
      role: role.describe('What it may do.'),
      ttl_seconds: z
        .int()
        .min(60)
        .max(366 * 86400)
        .nullable()
        .default(null)
        .describe('Seconds until it expires; null = never.'),
    }),
    response: apiTokenSchema.extend({ token: z.string().describe('The secret: in this answer only.') }),
    status: 201,
    errors: ['name_taken'],
  }),
  remove: defineRoute({
    id: 'api_tokens.delete',
    method: 'delete',
    path: '/v1/api-tokens/{id}',
    access: 'admin',
    tag: 'API tokens',
    summary: 'Revoke an API token',
    params: uuidParam,
    errors: ['not_found'],
  }),
};
