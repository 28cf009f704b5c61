import { z } from 'zod';
import { defineRoute } from './route';

export const commandOutcomeSchema = z
  .object({
    command_id: z.string(),
    outcome: z
      .enum(['applied', 'refused', 'not_seen'])
      .describe(
        '`applied` and `refused` are final. `not_seen`: the log does not hold the command (yet), or its outcome was forgotten long ago.',
      ),
    index: z.int().nullable(),
    code: z.string().nullable().describe('Error code of a refusal.'),
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
    params: z.object({ id: z.string().min(1).max(128).describe('`command_id` of the problem document.') }),
    response: commandOutcomeSchema,
  }),
};
