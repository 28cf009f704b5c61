'use client';

import { useSyncExternalStore } from 'react';
import { serverNow } from './server-clock';

const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;
let second = 0;

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(() => {
    second = Math.floor(serverNow() / 1000);
    for (const notify of listeners) notify();
  }, 1000);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  };
}

const current = () => {
  if (timer === undefined) second = Math.floor(serverNow() / 1000);
  return second;
};

/** The node's time, ticking once a second; one timer for the whole page. Milliseconds since 1970. */
export const useNow = (): number => useSyncExternalStore(subscribe, current, () => 0) * 1000;
