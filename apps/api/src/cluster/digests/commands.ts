import { z } from 'zod';
import { defineCommand } from '../../commands/define-command';

/**
 * A checkpoint is two entries: at the first every node gets a thread ready, at the second it takes the digest of exactly
 * that index. They change nothing: what counts is their place in the order. A node knows them by their ids.
 */
export const markCheckpoint = defineCommand({
  type: 'replicas.checkpoint',
  since: 1,
  input: z.object({ phase: z.enum(['arm', 'take']) }),
  audited: false,
  apply() {},
});

export const digestCommands = [markCheckpoint];

export type CheckpointPhase = z.infer<typeof markCheckpoint.input>['phase'];
export const checkpointId = (phase: CheckpointPhase, unique: string): string => `checkpoint-${phase}-${unique}`;

/** Which phase of a checkpoint a command is, by its id. */
export function phaseOf(commandId: string): CheckpointPhase | undefined {
  const match = /^checkpoint-(arm|take)-/.exec(commandId);
  return match ? (match[1] as CheckpointPhase) : undefined;
}
