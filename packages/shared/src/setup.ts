import { z } from 'zod';
import { defineRoute } from './route';
import { password, username } from './session';

const setupStateSchema = z
  .object({
    needed: z.boolean(),
    cluster_name: z.string().nullable(),
    setup_code_required: z.boolean().describe('False when the request comes over loopback, which needs no code.'),
    version: z.string(),
    node: z.object({ id: z.int(), name: z.string() }),
  })
  .meta({ id: 'SetupState' });
export type SetupState = z.infer<typeof setupStateSchema>;

export const clusterName = z
  .string()
  .trim()
  .min(1)
  .max(64)
  .meta({ examples: ['Berlin edge'] });

export const setupRoutes = {
  get: defineRoute({
    id: 'setup.get',
    method: 'get',
    path: '/v1/setup',
    access: 'public',
    tag: 'Setup',
    summary: 'Whether the first admin still has to be created',
    response: setupStateSchema,
  }),
  create: defineRoute({
    id: 'setup.create',
    method: 'post',
    path: '/v1/setup',
    access: 'public',
    tag: 'Setup',
    summary: 'Create the first admin; works once for the whole cluster',
    body: z.object({
      cluster_name: clusterName.describe('Shown in the console; can hold spaces.'),
      username,
      password,
      setup_code: z
        .string()
        .max(64)
        .optional()
        .describe('What the log of the node and `quorate agent setup-code` show; over loopback none is needed.'),
    }),
    response: z.object({ user: z.object({ id: z.uuid(), username }) }),
    status: 201,
    errors: ['already_set_up', 'setup_code_invalid', 'too_many_requests'],
  }),
  code: defineRoute({
    id: 'setup.code',
    method: 'get',
    path: '/v1/agent/setup-code',
    access: 'local',
    tag: 'Setup',
    summary: "This node's setup code; only over the agent socket",
    response: z.object({ setup_code: z.string() }),
    errors: ['already_set_up'],
  }),
};
