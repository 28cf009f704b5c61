import { createAlarm } from '../lib/async';
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
  const alarm = createAlarm();
  let stopped = false;

  async function loop(): Promise<void> {
    while (!stopped) {
      try {
        await reconciler.run();
      } catch (error) {
        if (!stopped) logger.warn({ err: error, reconciler: reconciler.name }, 'a reconciler failed; it runs again');
      }
      if (!stopped) await alarm.wait(reconciler.intervalMs);
    }
  }
  const running = loop();

  return {
    trigger: alarm.ring,
    async stop() {
      stopped = true;
      alarm.ring();
      await running;
    },
  };
}
