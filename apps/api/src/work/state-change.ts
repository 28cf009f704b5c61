import type { Applier } from '../replication/applier';

/** Lets many wait for the next change of the state with one listener. */
export interface StateChange {
  /** Resolves when an entry is applied, after `ms`, or when `signal` aborts. */
  next(ms: number, signal: AbortSignal): Promise<void>;
  stop(): void;
}

export function watchState(applier: Applier): StateChange {
  const waiting = new Set<() => void>();
  const unsubscribe = applier.onApplied(() => {
    for (const wake of [...waiting]) wake();
  });
  return {
    next: (ms, signal) =>
      new Promise((resolve) => {
        if (signal.aborted) return resolve();
        const timer = setTimeout(wake, ms);
        function wake(): void {
          clearTimeout(timer);
          waiting.delete(wake);
          signal.removeEventListener('abort', wake);
          resolve();
        }
        waiting.add(wake);
        signal.addEventListener('abort', wake, { once: true });
      }),
    stop: unsubscribe,
  };
}
