import { existsSync, readFileSync } from 'node:fs';
import { type MetricsBatch, metricsBatchSchema } from '@quorate/shared/runner-protocol';
import { z } from 'zod';
import { delay } from '../../lib/async';
import type { Logger } from '../../lib/logger';
import { replaceFile } from '../../lib/replace-file';
import { EXPORT_LEASE_MS, EXPORT_MARGIN_MS } from '../lease';

/** A connection to a core, as the outbox sees it. */
export interface Carrier {
  /** Which core: the same after a reconnection. */
  readonly core: number;
  /** The latest stamp of that core, and when it came (ms of the outbox's clock). */
  readonly stamp: { readonly value: number; readonly receivedAt: number };
  /** Resolves when the core has acknowledged it. @throws when it has refused, or the connection has ended before it said so */
  send(batch: MetricsBatch, doNotPropagate: boolean, stamp: number): Promise<void>;
}

export interface Outbox {
  /** Takes what was measured; `seq` is given here. */
  add(measured: Omit<MetricsBatch, 'seq'>): void;
  /** A core is connected: it is told the latest at once. */
  connected(carrier: Carrier): void;
  /** The core said that it stops: it exposes nothing any more. */
  left(core: number): void;
  /** Not acknowledged yet. */
  readonly waiting: number;
  stop(): void;
}

/** What is not acknowledged yet; the oldest go first where no core is reachable for long. */
const MAX_WAITING = 300;
const RETRY_MS = 250;

const fileSchema = z.object({
  seq: z.int(),
  /** The core that may be exposing what this runner measured. */
  holder: z.int().nullable(),
  waiting: z.array(metricsBatchSchema),
});

function load(path: string): z.infer<typeof fileSchema> {
  try {
    if (existsSync(path)) return fileSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    // Half a file, or one of another version: measurements are not worth refusing to start.
  }
  // Beyond what was given before the file was lost: one a second at most, for clocks that were never set back.
  return { seq: Math.floor(Date.now() / 1000), holder: null, waiting: [] };
}

/**
 * Gives each batch to one core that exports it, and to the others once that one has acknowledged it. A core that was offered
 * a batch may have taken it although its acknowledgement never came. So nobody else is offered any until the core says so,
 * or cannot expose it any more: then its lease is over, which began with the last stamp that was quoted to it.
 */
export function createOutbox(options: {
  /** Where what waits survives a restart. */
  readonly file: string;
  readonly carriers: () => readonly Carrier[];
  readonly logger: Logger;
  readonly clock?: () => number;
}): Outbox {
  const { file, logger, clock = () => performance.now() } = options;
  const stored = load(file);
  let waiting = stored.waiting;
  const stopping = new AbortController();
  let seq = stored.seq;
  let holder = stored.holder;
  // Before a restart the stamp may have been quoted just now.
  let heldUntil = clock() + EXPORT_LEASE_MS + EXPORT_MARGIN_MS;
  let latest: MetricsBatch | undefined;
  let isPumping = false;

  function save(): void {
    try {
      replaceFile(file, JSON.stringify({ seq, holder, waiting }));
    } catch (error) {
      logger.debug({ err: error }, 'what was measured cannot be kept on disk');
    }
  }

  /** Who may be offered the next one now; undefined when nobody may yet. */
  function choose(): Carrier | undefined {
    const open = options.carriers();
    const held = open.find(({ core }) => core === holder);
    if (held || (holder !== null && clock() < heldUntil)) return held;
    return [...open].sort((a, b) => b.stamp.receivedAt - a.stamp.receivedAt || a.core - b.core)[0];
  }

  async function offer(batch: MetricsBatch, carrier: Carrier): Promise<void> {
    const { value, receivedAt } = carrier.stamp;
    const isNew = holder !== carrier.core;
    holder = carrier.core;
    heldUntil = Math.max(isNew ? 0 : heldUntil, receivedAt + EXPORT_LEASE_MS + EXPORT_MARGIN_MS);
    // On disk before it is offered: who may have it must be known after a crash.
    if (isNew) save();
    await carrier.send(batch, false, value);
    waiting = waiting.filter((one) => one !== batch);
    latest = batch;
    save();
    for (const other of options.carriers()) if (other.core !== carrier.core) tell(other, batch);
  }

  function tell(carrier: Carrier, batch: MetricsBatch): void {
    carrier.send(batch, true, carrier.stamp.value).catch((error: unknown) => {
      logger.debug({ err: error, core: carrier.core }, 'a core did not take what was measured');
    });
  }

  async function pump(): Promise<void> {
    if (isPumping) return;
    isPumping = true;
    try {
      while (!stopping.signal.aborted) {
        const batch = waiting[0];
        if (!batch) return;
        const carrier = choose();
        const taken = carrier && (await offer(batch, carrier).then(() => true, failed));
        if (!taken) await delay(RETRY_MS, stopping.signal);
      }
    } finally {
      isPumping = false;
    }
  }
  const failed = (error: unknown): false => {
    logger.debug({ err: error }, 'what was measured was not acknowledged; trying again');
    return false;
  };

  return {
    add(measured) {
      seq += 1;
      waiting = [...waiting, { seq, ...measured }].slice(-MAX_WAITING);
      save();
      void pump();
    },
    connected(carrier) {
      if (latest && carrier.core !== holder) tell(carrier, latest);
      void pump();
    },
    left(core) {
      if (holder !== core) return;
      holder = null;
      save();
    },
    get waiting() {
      return waiting.length;
    },
    stop: () => stopping.abort(),
  };
}
