import type { MetricsBatch } from '@quorate/shared/runner-protocol';

export type ReplicaUsage = MetricsBatch['replicas'][number] & { readonly runnerId: string };

/** What runners measured last, by whichever core it is exposed. */
export interface UsageView {
  /** The newest batch of a runner; undefined when there is none of the last seconds. */
  latest(runnerId: string): MetricsBatch | undefined;
  /** Usage of the replicas of a service by slot; of the newest generation where two are seen. CPU 100 is one processor. */
  replicas(service: string): ReadonlyMap<number, ReplicaUsage>;
}

/** `batches`: the newest of each runner. */
export function createUsageView(
  batches: () => Iterable<{ readonly runnerId: string; readonly batch: MetricsBatch }>,
): UsageView {
  return {
    latest(runnerId) {
      for (const one of batches()) if (one.runnerId === runnerId) return one.batch;
      return undefined;
    },
    replicas(service) {
      const found = new Map<number, ReplicaUsage>();
      for (const { runnerId, batch } of batches()) {
        for (const replica of batch.replicas) {
          if (replica.service !== service) continue;
          const known = found.get(replica.slot);
          if (!known || known.generation < replica.generation) found.set(replica.slot, { ...replica, runnerId });
        }
      }
      return found;
    },
  };
}
