import { delay } from '../lib/async';
import type { Logger } from '../lib/logger';

/** Background work: idempotent, safe to run twice, takes no input. It reads the state, plans, proposes. */
export interface Reconciler {
  readonly name: string;
  readonly intervalMs: number;
  run(): Promise<void>;
}

export interface ReconcilerHandle {
  /** Runs soon instead of at the next tick. */
  trigger(): void;
  stop(): Promise<void>;
}

/** Runs a reconciler by timer and by signal, never twice at once. A failure is logged and tried again at the next tick. */
export function startReconciler(reconciler: Reconciler, logger: Logger): ReconcilerHandle {
  const stopping = new AbortController();
  let wake = new AbortController();

  async function loop(): Promise<void> {
    while (!stopping.signal.aborted) {
      wake = new AbortController();
      try {
        await reconciler.run();
      } catch (error) {
        if (!stopping.signal.aborted)
          logger.warn({ err: error, reconciler: reconciler.name }, 'a reconciler failed; it runs again');
      }
      // One signal for both: a combined one would leave a trace on the long-lived signal each time.
      if (!stopping.signal.aborted) await delay(reconciler.intervalMs, wake.signal);
    }
  }
  const running = loop();

  return {
    trigger: () => wake.abort(),
    async stop() {
      stopping.abort();
      wake.abort();
      await running;
    },
  };
}
