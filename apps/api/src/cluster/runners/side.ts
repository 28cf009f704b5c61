import type { WebSocket } from 'ws';
import type { StateDb } from '../../db/state-store';
import type { Clock } from '../../lib/clock';
import type { Logger } from '../../lib/logger';
import type { Liveness, NodeStatus } from '../liveness';
import { liveMembers } from '../members/admission';
import { createRunnerGate, type RunnerGate } from './gate';

/** Whoever serves the runners that are connected to this node. */
export interface RunnerService {
  connect(runnerId: string, socket: WebSocket): void;
  /** Runners that it has heard of lately. */
  heard(): NodeStatus['runners'];
}

/** What the cluster's own part has to do with runners: it lets them in, and tells the other nodes of them. */
export interface RunnerSide {
  readonly upgrade: RunnerGate['upgrade'];
  heard(): NodeStatus['runners'];
  /** When this node or one that it reaches last heard of a runner, ms; null = never. */
  heardAt(runnerId: string): number | null;
  /** Node ids that have heard of it lately, as far as this node knows. */
  heardBy(runnerId: string): readonly number[];
  /** Connections are refused until this is called. */
  attach(service: RunnerService): void;
}

const LATELY_MS = 3_000;

export function createRunnerSide(deps: {
  nodeId: number;
  db: () => StateDb;
  liveness: () => Liveness;
  clock: Clock;
  logger: Logger;
}): RunnerSide {
  let service: RunnerService | undefined;
  const gate = createRunnerGate({
    ...deps,
    onConnection: (runnerId, socket) => (service ? service.connect(runnerId, socket) : socket.close(1013)),
  });
  const heard = (): NodeStatus['runners'] => service?.heard() ?? [];

  /** By node: when it last heard of the runner, ms. */
  function* sightings(runnerId: string): Generator<{ node: number; at: number }> {
    const own = heard().find(({ id }) => id === runnerId);
    if (own) yield { node: deps.nodeId, at: deps.clock() - own.ago_ms };
    for (const { id: node } of liveMembers(deps.db())) {
      const seen = deps.liveness().observe(node);
      const found = seen?.status?.runners.find(({ id }) => id === runnerId);
      if (found && seen?.lastSeenAt) yield { node, at: seen.lastSeenAt - found.ago_ms };
    }
  }

  return {
    upgrade: gate.upgrade,
    heard,
    heardAt(runnerId) {
      const times = [...sightings(runnerId)].map(({ at }) => at);
      return times.length === 0 ? null : Math.max(...times);
    },
    heardBy: (runnerId) =>
      [...sightings(runnerId)].filter(({ at }) => deps.clock() - at < LATELY_MS).map(({ node }) => node),
    attach(next) {
      service = next;
    },
  };
}
