import { BALANCER_REPORT_MS, MAX_BALANCERS } from '@quorate/shared/haproxy-balancers';
import type { Clock } from '../../lib/clock';

/** A balancer that missed three reports in a row, and some time on the way, is not heard from. */
export const SILENT_AFTER_MS = 3.5 * BALANCER_REPORT_MS;

export interface Sighting {
  readonly name: string;
  readonly ago_ms: number;
}

/** When this node heard of each balancer: in memory, told to the other nodes in the status that they exchange. */
export interface BalancerSightings {
  heard(): Sighting[];
  note(name: string): void;
  forget(name: string): void;
  /** By any node that answers, ms; null = not since it started. */
  lastHeardAt(name: string): number | null;
  /** Nobody has heard of it for long; a node that has just started gives it time to report. */
  isSilent(name: string): boolean;
}

export function createBalancerSightings(deps: {
  clock: Clock;
  /** When other nodes last heard of it, ms. */
  elsewhere: (name: string) => number | null;
}): BalancerSightings {
  const { clock } = deps;
  const startedAt = clock();
  const heardAt = new Map<string, number>();
  const lastHeardAt = (name: string): number | null => {
    const times = [heardAt.get(name), deps.elsewhere(name)].filter((at) => at !== null && at !== undefined);
    return times.length === 0 ? null : Math.max(...times);
  };
  return {
    heard: () => [...heardAt].map(([name, at]) => ({ name, ago_ms: clock() - at })),
    note(name) {
      heardAt.set(name, clock());
      const [oldest] = [...heardAt].sort(([, a], [, b]) => a - b);
      if (oldest && heardAt.size > MAX_BALANCERS) heardAt.delete(oldest[0]);
    },
    forget: (name) => void heardAt.delete(name),
    lastHeardAt,
    isSilent: (name) => clock() - Math.max(lastHeardAt(name) ?? 0, startedAt) > SILENT_AFTER_MS,
  };
}
