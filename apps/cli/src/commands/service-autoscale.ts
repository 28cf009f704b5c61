import { type Autoscaling, MAX_REPLICAS, type ScalingDecision, serviceRoutes } from '@quorate/shared/services';
import type { Command } from 'commander';
import { CliError } from '../cli-error';
import { utcTime } from '../duration';
import { collectPair, durationBetween, integerBetween, pairsOf } from '../globals';
import { type Column, listView } from '../output';
import { collectPages, MAX_LISTED, type Run } from '../register';
import { showAccepted } from './service-view';

const loadOf = ({ metric, value }: ScalingDecision): string | null => {
  if (value === null) return null;
  return metric === 'cpu' ? `${Math.round(value)} % CPU` : `${value} queued`;
};

const DECISIONS: readonly Column<ScalingDecision>[] = [
  { header: 'TIME', value: (d) => utcTime(d.at) },
  { header: 'REPLICAS', value: (d) => (d.from === d.to ? `${d.to}` : `${d.from} to ${d.to}`) },
  { header: 'LOAD', value: loadOf },
  { header: 'TARGET', value: (d) => (d.metric === 'cpu' ? `${d.target} % CPU` : `${d.target} queued each`) },
  { header: 'WHY', value: (d) => d.reason },
];

interface AutoscaleOptions {
  min?: number;
  max?: number;
  cpu?: number;
  queue?: number;
  queueLabel?: string[];
  /** Milliseconds. */
  stabilization?: number;
  off?: boolean;
}

/** What is not given stays as it was; another target takes the place of the one before. */
function settingsOf(
  before: Autoscaling | null,
  options: AutoscaleOptions,
): Partial<Autoscaling> & { enabled: boolean } {
  const { off, min, max, cpu, queue, queueLabel, stabilization } = options;
  if (cpu !== undefined && queue !== undefined) throw new CliError('usage', 'give --cpu or --queue, not both');
  const { target_cpu_percent, target_queue_length, ...kept } = before ?? {};
  const target =
    cpu === undefined && queue === undefined
      ? { target_cpu_percent, target_queue_length }
      : { target_cpu_percent: cpu, target_queue_length: queue };
  return {
    ...{ ...kept, ...target, enabled: off !== true },
    ...(min === undefined ? {} : { min }),
    ...(max === undefined ? {} : { max }),
    ...(queueLabel === undefined ? {} : { queue_labels: pairsOf(queueLabel) }),
    ...(stabilization === undefined ? {} : { stabilization_seconds: Math.round(stabilization / 1000) }),
  };
}

/** @throws CliError naming the options that are missing */
function requireWhole({ enabled, min, max, ...target }: Partial<Autoscaling> & { enabled: boolean }): void {
  if (!enabled) return;
  const hasTarget = target.target_cpu_percent !== undefined || target.target_queue_length !== undefined;
  const missing = [
    ...(min === undefined ? ['--min'] : []),
    ...(max === undefined ? ['--max'] : []),
    ...(hasTarget ? [] : ['--cpu or --queue']),
  ];
  if (missing.length > 0) throw new CliError('usage', `give ${missing.join(', ')} as well (or --off)`);
}

export function addAutoscaling(service: Command, run: Run): void {
  const replicas = integerBetween(1, MAX_REPLICAS);
  service
    .command('autoscale')
    .description('Let the load decide how many replicas run; what is not given stays as it was')
    .argument('<name>')
    .option('--min <count>', 'never fewer replicas', replicas)
    .option('--max <count>', 'never more replicas', replicas)
    .option('--cpu <percent>', 'of one processor, that a replica is to use', integerBetween(1, 100))
    .option('--queue <count>', 'queued jobs for each replica', integerBetween(1, 100_000))
    .option('--queue-label <key=value>', 'count only jobs that ask for this label; repeatable', collectPair)
    .option(
      '--stabilization <duration>',
      'fewer replicas only after this time (default: 60s)',
      durationBetween('10s', '1h'),
    )
    .option('--off', 'leave the number as it is')
    .action(
      run(async (inv, name: string, options: AutoscaleOptions) => {
        const { off, ...others } = options;
        if (off && Object.keys(others).length > 0) throw new CliError('usage', 'give --off alone');
        const { autoscaling: before } = await inv.call(serviceRoutes.get, { params: { name } });
        const body = settingsOf(before, options);
        requireWhole(body);
        showAccepted(inv, await inv.call(serviceRoutes.autoscaling, { params: { name }, body }));
      }),
    );
  service
    .command('decisions')
    .description('What autoscaling decided, and why, newest first')
    .argument('<name>')
    .option('--limit <count>', 'how many to show', integerBetween(1, MAX_LISTED), 50)
    .action(
      run(async (inv, name: string, { limit }: { limit: number }) => {
        const data = await collectPages(limit, (query) =>
          inv.call(serviceRoutes.decisions, { params: { name }, query }),
        );
        const empty = `No decision yet. Autoscaling begins with: quorate service autoscale ${name} --min 1 --max 5 --cpu 60`;
        inv.print(listView({ data, rows: data.items, columns: DECISIONS, name: (d) => d.to, empty }));
      }),
    );
}
