import type { StateDb } from '../db/state-store';
import type { Liveness, NodeStatus } from './liveness';
import { liveMembers } from './members/admission';

/** What the nodes tell each other about the load balancers that report to them. */
export interface BalancerSide {
  heard(): NodeStatus['balancers'];
  /** When another node that this one reaches last heard of a load balancer, ms; null = never. */
  heardElsewhereAt(name: string): number | null;
  /** Nothing is told before this is called. */
  attach(heard: () => NodeStatus['balancers']): void;
}

export function createBalancerSide(deps: { db: () => StateDb; liveness: () => Liveness }): BalancerSide {
  let own: () => NodeStatus['balancers'] = () => [];
  return {
    heard: () => own(),
    heardElsewhereAt(name) {
      const times = liveMembers(deps.db()).flatMap(({ id }) => {
        const seen = deps.liveness().observe(id);
        const found = seen?.status?.balancers.find((balancer) => balancer.name === name);
        return found && seen?.lastSeenAt ? [seen.lastSeenAt - found.ago_ms] : [];
      });
      return times.length === 0 ? null : Math.max(...times);
    },
    attach(heard) {
      own = heard;
    },
  };
}
