import type { Runner } from '@quorate/shared/runners';

export const SHOW = ['all', 'online', 'offline', 'drained'] as const;
export type Show = (typeof SHOW)[number];

const PASSES: Record<Show, (runner: Runner) => boolean> = {
  all: () => true,
  online: ({ status }) => status === 'online',
  offline: ({ status }) => status === 'offline',
  drained: ({ drained }) => drained,
};

/** Runners that pass the filter and hold `text` in their name or a label (`key=value`). */
export function filterRunners(runners: readonly Runner[], show: Show, text: string): readonly Runner[] {
  const wanted = text.trim().toLowerCase();
  return runners.filter((runner) => {
    if (!PASSES[show](runner)) return false;
    const words = [runner.name, ...Object.entries(runner.labels).map(([key, value]) => `${key}=${value}`)];
    return words.some((word) => word.toLowerCase().includes(wanted));
  });
}

/** Jobs and replicas that it has now. */
export const workOf = ({ jobs, replicas }: Runner): number => jobs + replicas;

/** What all runners can do together: those that are offline or drained, or can begin no job, add nothing. */
export function summaryOf(runners: readonly Runner[]) {
  const ready = runners.filter(({ status, drained, problem }) => status === 'online' && !drained && problem === '');
  return {
    total: runners.length,
    online: runners.filter(({ status }) => status === 'online').length,
    offline: runners.filter(({ status }) => status === 'offline').length,
    drained: runners.filter(({ drained }) => drained).length,
    capacity: ready.reduce((sum, { capacity }) => sum + capacity, 0),
    used: ready.reduce((sum, runner) => sum + workOf(runner), 0),
  };
}
