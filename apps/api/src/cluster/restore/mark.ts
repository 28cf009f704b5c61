import { z } from 'zod';

/** What begins an epoch with a restore: every node finds it at the same place of the log. */
export const restoreMarkSchema = z.object({
  operation: z.uuid(),
  kind: z.enum(['restore', 'init']),
  /** The node that carries it out. */
  node: z.int(),
  /** Of the prepared file, as it is staged. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  source: z.string().max(255),
  actor: z.object({
    kind: z.enum(['user', 'api_token', 'local', 'node', 'upstream', 'anonymous']),
    id: z.string(),
    name: z.string(),
  }),
  file_epoch: z.int(),
  file_index: z.int(),
});
export type RestoreMark = z.infer<typeof restoreMarkSchema>;
