import type { RecordedEvent } from '../commands/entry-records';
import type { Logger } from '../lib/logger';
import type { Applier } from '../replication/applier';

export type EventListener = (event: RecordedEvent) => void;

/** Domain events after their commit, in order, on this node. */
export interface EventBus {
  /** Listeners run synchronously and must be quick; a throw is logged and harms no one else. */
  subscribe(listener: EventListener): () => void;
}

export function createEventBus(applier: Applier, logger: Logger): EventBus {
  const listeners = new Set<EventListener>();
  applier.onApplied((entry) => {
    for (const event of entry.events) {
      for (const listener of listeners) {
        try {
          listener(event);
        } catch (error) {
          logger.error({ err: error, event: event.id }, 'an event listener failed');
        }
      }
    }
  });
  return {
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
