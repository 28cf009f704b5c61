import type { MetricsBatch } from '@quorate/shared/runner-protocol';
import { Gauge, type Registry } from 'prom-client';

export interface MeasuredSource {
  /** What this core exposes now: no other core does. */
  exported(): readonly { readonly runnerId: string; readonly batch: MetricsBatch }[];
  /** The name of a runner; undefined for one that was removed. */
  nameOf(runnerId: string): string | undefined;
  exportedBatches(): number;
  connected(): number;
}

type Named = { readonly runner: string; readonly batch: MetricsBatch };
type Sample<L extends string> = readonly [labels: Record<L, string>, value: number];

/** Registers what runners measured. Each series is at one core alone, so that sums over all cores count nothing twice. */
export function registerMeasured(registry: Registry, source: MeasuredSource): void {
  const registers = [registry];
  const read = (): Named[] =>
    source.exported().flatMap(({ runnerId, batch }) => {
      const runner = source.nameOf(runnerId);
      return runner === undefined ? [] : [{ runner, batch }];
    });
  function gauge<L extends string>(
    name: string,
    help: string,
    labelNames: readonly L[],
    samples: () => readonly Sample<L>[],
  ): void {
    new Gauge({
      ...{ name, help, labelNames: [...labelNames], registers },
      collect() {
        this.reset();
        for (const [labels, value] of samples()) this.set(labels as never, value);
      },
    });
  }
  const perRunner = (name: string, help: string, value: (batch: MetricsBatch) => number): void =>
    gauge(name, help, ['runner'], () => read().map(({ runner, batch }) => [{ runner }, value(batch)]));
  const perReplica = (name: string, help: string, value: (one: MetricsBatch['replicas'][number]) => number): void =>
    gauge(name, help, ['runner', 'service', 'slot'], () =>
      read().flatMap(({ runner, batch }) =>
        batch.replicas.map((one) => [{ runner, service: one.service, slot: String(one.slot) }, value(one)] as const),
      ),
    );
  const sum = (batch: MetricsBatch, value: (job: MetricsBatch['jobs'][number]) => number): number =>
    batch.jobs.reduce((all, job) => all + value(job), 0);

  perRunner(
    'quorate_runner_cpu_percent',
    'Load of a runner’s host, of all its processors',
    ({ host }) => host.cpu_percent,
  );
  perRunner('quorate_runner_memory_percent', 'Memory in use on a runner’s host', ({ host }) => host.memory_percent);
  perRunner('quorate_runner_memory_bytes', 'Memory in use on a runner’s host', ({ host }) => host.memory_bytes);
  perRunner('quorate_runner_load1', 'Load average of the last minute of a runner’s host', ({ host }) => host.load);
  perRunner(
    'quorate_runner_sample_timestamp_seconds',
    'When the runner measured this, by its clock',
    ({ at }) => at / 1000,
  );
  perRunner('quorate_runner_jobs', 'Jobs that run on a runner', ({ jobs }) => jobs.length);
  perRunner('quorate_runner_jobs_cpu_percent', 'What the jobs of a runner use; 100 is one processor', (batch) =>
    sum(batch, (job) => job.cpu_percent),
  );
  perRunner('quorate_runner_jobs_rss_bytes', 'Memory that the jobs of a runner hold', (batch) =>
    sum(batch, (job) => job.rss_bytes),
  );
  perReplica('quorate_replica_cpu_percent', 'What a replica uses; 100 is one processor', (one) => one.cpu_percent);
  perReplica(
    'quorate_replica_cpu_seconds_total',
    'Processor time of a replica since it was started',
    (one) => one.cpu_seconds,
  );
  perReplica('quorate_replica_rss_bytes', 'Memory that a replica holds', (one) => one.rss_bytes);
  perReplica('quorate_replica_processes', 'Processes of a replica', (one) => one.processes);
  gauge('quorate_runner_batches_exported_total', 'Measurements of runners that this node has exposed', [], () => [
    [{}, source.exportedBatches()],
  ]);
  gauge('quorate_runners_connected', 'Runners that are connected to this node', [], () => [[{}, source.connected()]]);
}
