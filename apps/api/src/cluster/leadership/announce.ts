import type { FailoverReason } from '@quorate/shared/failovers';
import { uuidv7 } from '../../lib/ids';
import type { Logger } from '../../lib/logger';
import type { Proposer } from '../../replication/proposer';
import { SYSTEM_ACTOR } from '../founding';
import { announceHandOver } from './commands';

/** Who gives leadership up, why, and who asked for it (empty: the cluster itself). */
export type Announce = (fromNode: number, reason: FailoverReason, requestedBy: string) => Promise<void>;

/** A hand-over must not wait for its explanation. */
const ANNOUNCE_MS = 500;

/** Writes down why leadership is about to move. Never throws: what fails here only leaves the reason unknown. */
export function createAnnouncer(proposer: Proposer, logger: Logger): Announce {
  return async (fromNode, reason, requestedBy) => {
    const options = { actor: SYSTEM_ACTOR, id: uuidv7(), timeoutMs: ANNOUNCE_MS };
    await proposer
      .propose(announceHandOver, { fromNode, reason, requestedBy }, options)
      .catch((error: unknown) => logger.debug({ err: error }, 'the reason of a hand-over could not be recorded'));
  };
}
