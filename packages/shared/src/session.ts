import { z } from 'zod';
import { timestamp } from './pagination';
import { defineRoute, ROLES } from './route';

export const role = z.enum(ROLES);
export const username = z
  .string()
  .min(2)
  .max(64)
  .regex(/^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$/, 'use lower-case letters, digits, dot, dash and underscore')
  .meta({ examples: ['ada'] });
export const password = z
  .string()
  .min(10, 'at least 10 characters')
  .max(256)
  .meta({ examples: ['correct horse battery'] });

export const principalSchema = z
  .object({
    kind: z.enum(['user', 'api_token', 'local', 'node', 'upstream']),
    id: z.string(),
    name: z.string(),
    role,
    expires_at: timestamp.nullable(),
  })
  .meta({ id: 'Principal' });
export type Principal = z.infer<typeof principalSchema>;

const sessionSchema = z
  .object({
    user: z.object({ id: z.uuid(), username, role }),
    expires_at: timestamp,
    token: z
      .string()
      .nullable()
      .describe('For `Authorization: Bearer`; null for browsers, which get an HttpOnly cookie instead.'),
  })
  .meta({ id: 'Session' });

export const SESSION_COOKIE = 'quorate_session';

export const sessionRoutes = {
  create: defineRoute({
    id: 'session.create',
    method: 'post',
    path: '/v1/session',
    access: 'public',
    tag: 'Session',
    summary: 'Sign in: sets the session cookie for a browser, answers with a bearer token for other clients',
    body: z.object({
      username: z
        .string()
        .max(64)
        .meta({ examples: ['ada'] }),
      password: z
        .string()
        .max(256)
        .meta({ examples: ['correct horse battery'] }),
    }),
    response: sessionSchema,
    status: 201,
    errors: ['invalid_credentials', 'too_many_requests', 'not_set_up'],
  }),
  remove: defineRoute({
    id: 'session.delete',
    method: 'delete',
    path: '/v1/session',
    access: 'viewer',
    tag: 'Session',
    summary: 'Sign out: the session is revoked on every node',
  }),
  me: defineRoute({
    id: 'session.me',
    method: 'get',
    path: '/v1/me',
    access: 'viewer',
    tag: 'Session',
    summary: 'Who the caller is',
    response: principalSchema,
  }),
};
