import { appendFileSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { type EventType, eventSchema, namespaceOf, type QuorateEvent } from '@quorate/shared/events';
import type { EventData } from '../commands/define-command';
import { type Clock, toTimestamp } from '../lib/clock';
import type { Logger } from '../lib/logger';

/** An event that this node alone has seen. */
export interface LocalEvent {
  /** Time in ms, made strictly ascending: the order of local events, also over restarts of the node. */
  readonly position: number;
  readonly event: QuorateEvent;
}

/**
 * What only this node can see, and what must be told even while there is no quorum: a bounded journal of its own beside
 * the replicated events.
 */
export interface LocalEvents {
  /** Never throws: an event that cannot be written is still told to those who listen. `message` is one sentence. */
  record(type: EventType, message: string, data?: EventData): void;
  /** Those after `position`, oldest first. */
  after(position: number): readonly LocalEvent[];
  /** Every event that is recorded from now on has a higher position. */
  position(): number;
  /** Listeners run synchronously and must be quick. */
  subscribe(listener: (recorded: LocalEvent) => void): () => void;
}

export interface LocalEventsOptions {
  /** Where they outlive a restart; undefined = in memory only. */
  readonly file: string | undefined;
  readonly nodeId: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** `seq` of the last domain event here: a local event stands behind it. */
  readonly lastSeq: () => number;
  readonly appliedIndex: () => number;
  readonly term: () => number | null;
}

const KEPT = 1_000;

/** Reads what an earlier process left; a line that a crash cut short is dropped. */
function load(file: string): LocalEvent[] {
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8')
    .split('\n')
    .flatMap((line) => {
      try {
        const { position, event } = JSON.parse(line) as { position: number; event: unknown };
        return Number.isSafeInteger(position) ? [{ position, event: eventSchema.parse(event) }] : [];
      } catch {
        return [];
      }
    })
    .slice(-KEPT);
}

const lineOf = (recorded: LocalEvent): string => `${JSON.stringify(recorded)}\n`;

/** @see LocalEvents */
export function createLocalEvents(options: LocalEventsOptions): LocalEvents {
  const { file, nodeId, clock, logger } = options;
  const listeners = new Set<(recorded: LocalEvent) => void>();
  let kept = readKept();
  let last = kept.at(-1)?.position ?? 0;
  let lines = kept.length;

  function readKept(): LocalEvent[] {
    if (file === undefined) return [];
    try {
      return load(file);
    } catch (error) {
      logger.warn({ err: error }, 'the local events of before cannot be read; new ones are kept');
      return [];
    }
  }

  function store(recorded: LocalEvent): void {
    if (file === undefined) return;
    try {
      if (lines < 2 * KEPT) {
        appendFileSync(file, lineOf(recorded), { mode: 0o600 });
        lines += 1;
        return;
      }
      writeFileSync(`${file}.new`, kept.map(lineOf).join(''), { mode: 0o600 });
      renameSync(`${file}.new`, file);
      lines = kept.length;
    } catch (error) {
      logger.warn({ err: error }, 'a local event could not be written; it is lost with this process');
    }
  }

  return {
    record(type, message, data = {}) {
      last = Math.max(clock(), last + 1);
      const at = toTimestamp(last);
      const event: QuorateEvent = {
        seq: options.lastSeq(),
        id: `local.${nodeId}.${last}`,
        type,
        namespace: namespaceOf(type),
        event_src_id: nodeId,
        local: true,
        index: options.appliedIndex(),
        term: options.term(),
        at,
        timestamp: at,
        actor: 'system',
        message,
        data: data as QuorateEvent['data'],
      };
      const recorded = { position: last, event };
      kept = [...kept.slice(1 - KEPT), recorded];
      store(recorded);
      for (const listener of listeners) {
        try {
          listener(recorded);
        } catch (error) {
          logger.error({ err: error, event: event.id }, 'a listener of local events failed');
        }
      }
    },
    after: (position) => kept.filter((one) => one.position > position),
    position() {
      last = Math.max(clock(), last);
      return last;
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
