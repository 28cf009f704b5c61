import type { Service } from '@quorate/shared/services';

export type Replica = Service['instances'][number];

export type ServiceState =
  | 'running'
  | 'starting'
  | 'failing'
  | 'stranded'
  | 'waiting'
  | 'rolling'
  | 'rollout_failed'
  | 'rolled_back'
  | 'stopping'
  | 'stopped';

/** Its runner is offline: its state is the last that was heard of it. */
export const isStranded = ({ runner, runner_online: online }: Replica): boolean => runner !== null && !online;
export const isFailing = (replica: Replica): boolean =>
  !isStranded(replica) && (replica.state === 'backing_off' || replica.state === 'unhealthy');
const isHealthy = (replica: Replica): boolean => !isStranded(replica) && replica.state === 'healthy';

/** A service in one word: what keeps it from what is wanted comes first. */
export function stateOf({ replicas, revision, rollout, instances }: Service): ServiceState {
  if (replicas.desired === 0) return instances.length === 0 ? 'stopped' : 'stopping';
  if (rollout.state === 'failed') return 'rollout_failed';
  // The first revision replaces nothing: it starts.
  if (rollout.state === 'running' && revision > 1) return 'rolling';
  if (replicas.healthy < replicas.desired) {
    if (instances.some(isFailing)) return 'failing';
    if (instances.some(isStranded)) return 'stranded';
    return instances.some(({ state }) => state === 'pending') ? 'waiting' : 'starting';
  }
  return rollout.state === 'rolled_back' ? 'rolled_back' : 'running';
}

export const SHOW = ['all', 'problems', 'changing', 'system'] as const;
export type Show = (typeof SHOW)[number];

const PROBLEMS: readonly ServiceState[] = ['failing', 'stranded', 'waiting', 'rollout_failed', 'rolled_back'];
const CHANGING: readonly ServiceState[] = ['rolling', 'starting', 'stopping'];
const PASSES: Record<Show, (service: Service) => boolean> = {
  all: () => true,
  problems: (service) => PROBLEMS.includes(stateOf(service)),
  changing: (service) => CHANGING.includes(stateOf(service)),
  system: ({ system }) => system,
};

/** Services that pass the filter and hold `text` in their name or command. */
export function filterServices(services: readonly Service[], show: Show, text: string): readonly Service[] {
  const wanted = text.trim().toLowerCase();
  return services.filter(
    (service) =>
      PASSES[show](service) && [service.name, service.spec.command].some((word) => word.toLowerCase().includes(wanted)),
  );
}

/** How many replicas each runner has, most first; null = not placed. */
export function spreadOf(instances: readonly Replica[]): { runner: string | null; count: number; healthy: number }[] {
  const byRunner = new Map<string | null, { count: number; healthy: number }>();
  for (const replica of instances) {
    const entry = byRunner.get(replica.runner) ?? { count: 0, healthy: 0 };
    entry.count += 1;
    if (isHealthy(replica)) entry.healthy += 1;
    byRunner.set(replica.runner, entry);
  }
  return [...byRunner]
    .map(([runner, entry]) => ({ runner, ...entry }))
    .sort((a, b) => b.count - a.count || (a.runner ?? '').localeCompare(b.runner ?? ''));
}

/** Each reason for which replicas are not healthy, with how many there are. */
export function reasonsOf(instances: readonly Replica[]): { reason: string; count: number }[] {
  const counts = new Map<string, number>();
  for (const replica of instances) {
    const { reason } = replica;
    if (!isHealthy(replica) && reason) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  }
  return [...counts].map(([reason, count]) => ({ reason, count })).sort((a, b) => b.count - a.count);
}

/** `1 to 10 replicas at 60 % CPU`, or null when it is off. */
export function autoscalingWords({ autoscaling }: Service): string | null {
  if (!autoscaling?.enabled) return null;
  const { min, max, target_cpu_percent: cpu, target_queue_length: queue } = autoscaling;
  const target = cpu === undefined ? `${queue ?? '?'} queued jobs a replica` : `${cpu} % CPU`;
  return `${min ?? '?'} to ${max ?? '?'} at ${target}`;
}

/** Why a revision failed, without when its replica was to begin again: that is over. */
export const failureOf = (detail: string): string =>
  detail.replace(/ \(failure \d+ in a row; next start at [^)]*\)/g, '');
