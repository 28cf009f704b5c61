/** Lets so many in at once. */
export interface Gate {
  /** Resolves when there is room, or when `signal` is aborted. @returns to be called once, to leave */
  enter(signal?: AbortSignal): Promise<() => void>;
}

export function createGate(room: number): Gate {
  let inside = 0;
  const waiting = new Set<() => void>();
  const leave = (): void => {
    inside -= 1;
    const [next] = waiting;
    next?.();
  };
  return {
    async enter(signal) {
      while (inside >= room && !signal?.aborted) {
        await new Promise<void>((resolve) => {
          const go = (): void => {
            waiting.delete(go);
            signal?.removeEventListener('abort', go);
            resolve();
          };
          waiting.add(go);
          signal?.addEventListener('abort', go, { once: true });
        });
      }
      inside += 1;
      return leave;
    },
  };
}
