import type { MetricsBatch } from '@quorate/shared/runner-protocol';
import { EXPORT_LEASE_MS } from '../lease';

/** What a core knows of what runners measured. Times are of its own clock that never goes back, ms. */
export interface MeasuredStore {
  /**
   * Takes a batch. `isElsewhere`: another core has acknowledged it and exposes it. `stamp`: of this core's clock, as the
   * runner quoted it.
   *
   * @returns false when the frame was under way for so long that the runner may have given it to another core by now
   */
  take(runnerId: string, batch: MetricsBatch, from: { isElsewhere: boolean; stamp: number }): boolean;
  /** The runner is not connected here any more: nothing of it is exposed from now on. */
  disconnected(runnerId: string): void;
  /** The newest batch, by whichever core it is exposed, unless it is older than `MAX_AGE_MS`. */
  latest(runnerId: string): MetricsBatch | undefined;
  /** Runners of which there is a newest batch. */
  known(): readonly string[];
  /** What this core exposes now. */
  exported(): readonly { readonly runnerId: string; readonly batch: MetricsBatch }[];
  /** Batches that it has taken to expose them, since its start. */
  readonly exportedBatches: number;
}

interface Known {
  batch: MetricsBatch;
  receivedAt: number;
  /** Up to when this core may expose it; in the past where another does. */
  until: number;
}

/** A measurement that is older says nothing about now. */
const MAX_AGE_MS = 15_000;

export function createMeasuredStore(clock: () => number = () => performance.now()): MeasuredStore {
  const runners = new Map<string, Known>();
  /** The newest that this core has exposed: a batch that is offered again because its acknowledgement got lost counts once. */
  const exportedSeq = new Map<string, number>();
  let exportedBatches = 0;

  const fresh = (): [string, Known][] => {
    const now = clock();
    for (const [id, { receivedAt }] of runners) if (now - receivedAt > MAX_AGE_MS) runners.delete(id);
    return [...runners];
  };

  return {
    take(runnerId, batch, { isElsewhere, stamp }) {
      const now = clock();
      if (!isElsewhere && (stamp > now || now - stamp >= EXPORT_LEASE_MS)) return false;
      const before = runners.get(runnerId);
      // From a time when another core exposed it: this one may do so by now.
      if (isElsewhere && before && batch.seq < before.batch.seq) return true;
      const isNewer = !before || batch.seq >= before.batch.seq;
      const until = isElsewhere ? Number.NEGATIVE_INFINITY : stamp + EXPORT_LEASE_MS;
      runners.set(runnerId, { batch: isNewer ? batch : before.batch, receivedAt: now, until });
      if (!isElsewhere && batch.seq > (exportedSeq.get(runnerId) ?? 0)) {
        exportedSeq.set(runnerId, batch.seq);
        exportedBatches += 1;
      }
      return true;
    },
    disconnected(runnerId) {
      const known = runners.get(runnerId);
      if (known) known.until = Number.NEGATIVE_INFINITY;
    },
    latest: (runnerId) => {
      const known = runners.get(runnerId);
      return known && clock() - known.receivedAt <= MAX_AGE_MS ? known.batch : undefined;
    },
    known: () => fresh().map(([id]) => id),
    exported() {
      const now = clock();
      return fresh().flatMap(([runnerId, { batch, until }]) => (now < until ? [{ runnerId, batch }] : []));
    },
    get exportedBatches() {
      return exportedBatches;
    },
  };
}
