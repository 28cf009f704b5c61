import { z } from 'zod';
import { uuidParam } from './names';
import { pageOf, pageQuery, timestamp } from './pagination';
import { defineRoute } from './route';
import { password, role, username } from './session';

export const userSchema = z
  .object({ id: z.uuid(), username, role, created_at: timestamp, updated_at: timestamp })
  .meta({ id: 'User' });
export type User = z.infer<typeof userSchema>;

export const userRoutes = {
  list: defineRoute({
    id: 'users.list',
    method: 'get',
    path: '/v1/users',
    access: 'admin',
    tag: 'Users',
    summary: 'List users',
    query: pageQuery,
    response: pageOf(userSchema),
  }),
  create: defineRoute({
    id: 'users.create',
    method: 'post',
    path: '/v1/users',
    access: 'admin',
    tag: 'Users',
    summary: 'Create a user',
    body: z.object({ username, password, role }),
    response: userSchema,
    status: 201,
    errors: ['name_taken'],
  }),
  get: defineRoute({
    id: 'users.get',
    method: 'get',
    path: '/v1/users/{id}',
    access: 'admin',
    tag: 'Users',
    summary: 'One user',
    params: uuidParam,
    response: userSchema,
    errors: ['not_found'],
  }),
  update: defineRoute({
    id: 'users.update',
    method: 'patch',
    path: '/v1/users/{id}',
    access: 'admin',
    tag: 'Users',
    summary: "Change a user's role or password; a new password ends the user's sessions",
    params: uuidParam,
    body: z.object({ role: role.optional(), password: password.optional() }),
    response: userSchema,
    errors: ['not_found', 'last_admin'],
  }),
  remove: defineRoute({
    id: 'users.delete',
    method: 'delete',
    path: '/v1/users/{id}',
    access: 'admin',
    tag: 'Users',
    summary: 'Delete a user and end its sessions',
    params: uuidParam,
    errors: ['not_found', 'last_admin'],
  }),
  changeOwnPassword: defineRoute({
    id: 'users.change_own_password',
    method: 'put',
    path: '/v1/me/password',
    access: 'viewer',
    tag: 'Users',
    summary: 'Change your own password; ends your other sessions',
    body: z.object({
      current_password: z
        .string()
        .max(256)
        .meta({ examples: ['correct horse battery'] }),
      new_password: password.meta({ examples: ['another long passphrase'] }),
    }),
    errors: ['invalid_credentials', 'too_many_requests'],
  }),
  resetAdmin: defineRoute({
    id: 'users.reset_admin',
    method: 'post',
    path: '/v1/agent/admin-reset',
    access: 'local',
    tag: 'Users',
    summary: 'Give a user the admin role and a new password, creating it when absent; only over the agent socket',
    body: z.object({ username, password }),
    response: userSchema,
    errors: ['not_set_up'],
  }),
};
