import { MAX_REPLICA_REPORTS, type ReplicaReport } from '@quorate/shared/runner-protocol';
import { delay } from '../../../lib/async';
import type { Logger } from '../../../lib/logger';
import { nameOf } from './record';

export interface ReporterOptions {
  /** Resolves when a core node has them. @throws while none can take them */
  readonly send: (reports: ReplicaReport[], signal: AbortSignal) => Promise<void>;
  readonly logger: Logger;
}

/** Tells the cores the newest word on each replica, again until one has it; at most one frame in 50 ms. */
export interface Reporter {
  add(report: ReplicaReport): void;
  stop(): Promise<void>;
}

const APART_MS = 50;
const RETRY_MS = 500;

export function createReporter({ send, logger }: ReporterOptions): Reporter {
  const stopping = new AbortController();
  const waiting = new Map<string, ReplicaReport>();
  let pumping: Promise<void> | undefined;

  async function pump(): Promise<void> {
    while (waiting.size > 0 && !stopping.signal.aborted) {
      const batch = [...waiting].slice(0, MAX_REPLICA_REPORTS);
      try {
        await send(
          batch.map(([, report]) => report),
          stopping.signal,
        );
        // Unless there is a newer word by now.
        for (const [name, report] of batch) if (waiting.get(name) === report) waiting.delete(name);
        await delay(APART_MS, stopping.signal);
      } catch (error) {
        logger.debug({ err: error, reports: batch.length }, 'word of replicas was not taken; trying again');
        await delay(RETRY_MS, stopping.signal);
      }
    }
  }
  /** A little later, so that what changes together is told together. */
  async function start(): Promise<void> {
    await delay(APART_MS / 5, stopping.signal);
    await pump();
    pumping = undefined;
  }

  return {
    add(report) {
      waiting.set(nameOf(report), report);
      if (!stopping.signal.aborted) pumping ??= start();
    },
    async stop() {
      stopping.abort();
      await pumping;
    },
  };
}
