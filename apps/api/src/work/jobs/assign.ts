import { hasLabels, type Labels } from '@quorate/shared/runners';

/** What the assigner knows of a runner. */
export interface RunnerLoad {
  readonly id: string;
  readonly labels: Labels;
  readonly capacity: number;
  /** Jobs and replicas that it has already. */
  readonly used: number;
  readonly online: boolean;
  readonly drained: boolean;
  /** Why it can begin no job now; empty when it can. */
  readonly problem: string;
}

export interface WaitingJob {
  readonly id: string;
  /** Labels that the runner must have. */
  readonly labels: Labels;
}

export interface Assignment {
  readonly job: string;
  readonly runner: string;
}

const takesWork = (runner: RunnerLoad): boolean => runner.online && !runner.drained && runner.problem === '';

/** Whether it could take a job with these labels now. */
export const canTake = (runner: RunnerLoad, labels: Labels): boolean =>
  takesWork(runner) && runner.used < runner.capacity && hasLabels(runner.labels, labels);

/**
 * Gives each job, in the order in which they come, the eligible runner with the largest free share of its capacity. Jobs that
 * no runner can take now are left out. Pure; the same for the same input.
 */
export function assignJobs(waiting: readonly WaitingJob[], runners: readonly RunnerLoad[]): Assignment[] {
  const free = runners
    .filter(takesWork)
    .map((runner) => ({ runner, free: runner.capacity - runner.used }))
    .filter((one) => one.free > 0);
  const found: Assignment[] = [];
  for (const job of waiting) {
    let best: (typeof free)[number] | undefined;
    for (const one of free) {
      if (one.free <= 0 || !hasLabels(one.runner.labels, job.labels)) continue;
      if (!best || one.free / one.runner.capacity > best.free / best.runner.capacity) best = one;
    }
    if (!best) continue;
    best.free -= 1;
    found.push({ job: job.id, runner: best.runner.id });
  }
  return found;
}

/** Why nobody takes a job now, in one sentence; null when somebody could. Pure. */
export function waitingFor(job: WaitingJob, runners: readonly RunnerLoad[]): string | null {
  const wanted = Object.entries(job.labels).map(([key, value]) => `${key}=${value}`);
  if (runners.length === 0) return 'there is no runner: enable workers on a core node, or add a runner';
  const eligible = runners.filter((runner) => hasLabels(runner.labels, job.labels));
  if (eligible.length === 0) return `no runner has the labels ${wanted.join(', ')}`;
  const suited = wanted.length === 0 ? 'runner' : `runner with ${wanted.join(', ')}`;
  const online = eligible.filter((runner) => runner.online);
  if (online.length === 0) return `every ${suited} is offline`;
  const inService = online.filter((runner) => !runner.drained);
  const [first] = inService;
  if (!first) return `every ${suited} that is online is drained`;
  const open = inService.filter(takesWork);
  if (open.length === 0) return `no ${suited} can begin a job now: ${first.problem}`;
  if (open.every((runner) => runner.used >= runner.capacity)) return `every ${suited} is full`;
  return null;
}
