import { z } from 'zod';
import { defineRoute } from './route';

export const commandOutcomeSchema = z
  .object({
    command_id: z.string(),
    /** `not_seen` before `retained_since_index` proves nothing; after it, the command was not applied (yet). */
    outcome: z.enum(['applied', 'refused', 'not_seen']),
    index: z.int().nullable(),
    code: z.string().nullable(),
  })
  .meta({ id: 'CommandOutcome' });
export type CommandOutcome = z.infer<typeof commandOutcomeSchema>;

export const commandRoutes = {
  get: defineRoute({
    id: 'commands.get',
    method: 'get',
    path: '/v1/commands/{id}',
    access: 'viewer',
    tag: 'Commands',
    summary: 'What became of a write whose outcome was unknown; reads through quorum',
    params: z.object({ id: z.string().min(1).max(128) }),
    response: commandOutcomeSchema,
  }),
};
