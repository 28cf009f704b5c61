import { z } from 'zod';
import { defineCommand } from '../../commands/define-command';

/**
 * First entry after a restore: says what was done, in the events and the audit. Proposed by every node that made the
 * switch under one id, so that it is there exactly once whoever dies.
 */
export const recordRestore = defineCommand({
  type: 'cluster.restore',
  since: 1,
  input: z.object({
    operationId: z.uuid(),
    kind: z.enum(['restore', 'init']),
    source: z.string().max(255),
    sha256: z.string().length(64),
    epoch: z.int().positive(),
    /** What the file held. */
    fileEpoch: z.int(),
    fileIndex: z.int(),
  }),
  target: (input) => input.source,
  apply(_tx, input, ctx) {
    const what = input.kind === 'init' ? 'a new cluster was made from' : 'the cluster was restored from';
    const message = `${what} ${input.source} (index ${input.fileIndex} of epoch ${input.fileEpoch}); epoch ${input.epoch} begins`;
    ctx.event('cluster.restored', message, {
      operation: input.operationId,
      kind: input.kind,
      source: input.source,
      sha256: input.sha256,
      epoch: input.epoch,
      file_epoch: input.fileEpoch,
      file_index: input.fileIndex,
    });
  },
});

/** The id of the one command that records an operation. */
export const restoreCommandId = (operationId: string): string => `restore-${operationId}`;

export const restoreCommands = [recordRestore];
