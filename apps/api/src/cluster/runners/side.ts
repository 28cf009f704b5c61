import type { WebSocket } from 'ws';
import type { StateDb } from '../../db/state-store';
import type { Clock } from '../../lib/clock';
import type { Logger } from '../../lib/logger';
import { clusterInfo } from '../../resources/setup/table';
import { wantedCaPem } from '../keys/ca-progress';
import type { Liveness, NodeStatus } from '../liveness';
import { liveMembers } from '../members/admission';
import type { Identity } from '../pki/identity';
import { createRunnerGate, type RunnerGate } from './gate';
import { type RenewalDeps, renewRunnerCertificate } from './renew';

/** Whoever serves the runners that are connected to this node. */
export interface RunnerService {
  /** `notAfter`: of the certificate that it showed, ms. */
  connect(runnerId: string, socket: WebSocket, notAfter: number): void;
  /** Runners that it has heard of lately. */
  heard(): NodeStatus['runners'];
  /** What the runner inside this node measured last. */
  embedded(): NodeStatus['embedded_runner'];
}

/** What the cluster's own part has to do with runners: it lets them in, and tells the other nodes of them. */
export interface RunnerSide {
  readonly upgrade: RunnerGate['upgrade'];
  /** What this node tells its peers about runners. */
  status(): Pick<NodeStatus, 'runners' | 'embedded_runner'>;
  /** When this node or one that it reaches last heard of a runner, ms; null = never. */
  heardAt(runnerId: string): number | null;
  /** Node ids that have heard of it lately, as far as this node knows. */
  heardBy(runnerId: string): readonly number[];
  /** What the runners inside other nodes measured last. */
  embeddedElsewhere(): readonly NonNullable<NodeStatus['embedded_runner']>[];
  /** PEM: the CAs by which nodes are known, and the one that signs now; undefined before the cluster is founded. */
  trust(): { ca: string; issuer: string } | undefined;
  /** @returns PEM @throws DomainError */
  renewCertificate(runnerId: string, csr: string): Promise<string>;
  /** Connections are refused until this is called. */
  attach(service: RunnerService): void;
}

const LATELY_MS = 3_000;

/** Of one status, by runner: made once for each that comes. */
const byRunner = new WeakMap<NodeStatus, ReadonlyMap<string, number>>();
function agesIn(status: NodeStatus): ReadonlyMap<string, number> {
  const known = byRunner.get(status);
  if (known) return known;
  const fresh = new Map(status.runners.map(({ id, ago_ms }) => [id, ago_ms]));
  byRunner.set(status, fresh);
  return fresh;
}

export function createRunnerSide(
  deps: RenewalDeps & {
    nodeId: number;
    db: () => StateDb;
    identity: () => Identity;
    liveness: () => Liveness;
    clock: Clock;
    logger: Logger;
  },
): RunnerSide {
  let service: RunnerService | undefined;
  const gate = createRunnerGate({
    ...deps,
    onConnection: (id, socket, notAfter) => (service ? service.connect(id, socket, notAfter) : socket.close(1013)),
  });
  let own: { readonly at: number; readonly ages: ReadonlyMap<string, number> } | undefined;

  const others = () =>
    liveMembers(deps.db()).flatMap(({ id }) => {
      const seen = id === deps.nodeId ? undefined : deps.liveness().observe(id);
      return seen?.status && seen.lastSeenAt !== null ? [{ node: id, at: seen.lastSeenAt, status: seen.status }] : [];
    });
  /** What this node has heard itself, for as long as the clock stands: many are asked about in a row. */
  function ownAges(): { at: number; ages: ReadonlyMap<string, number> } {
    const at = deps.clock();
    if (own?.at === at) return own;
    own = { at, ages: new Map((service?.heard() ?? []).map(({ id, ago_ms }) => [id, ago_ms])) };
    return own;
  }
  /** By node: when it last heard of the runner, ms. */
  function sightings(runnerId: string): { node: number; at: number }[] {
    const { at, ages } = ownAges();
    const found = [{ node: deps.nodeId, at, ago: ages.get(runnerId) }];
    for (const one of others()) found.push({ ...one, ago: agesIn(one.status).get(runnerId) });
    return found.flatMap(({ node, at: then, ago }) => (ago === undefined ? [] : [{ node, at: then - ago }]));
  }

  return {
    upgrade: gate.upgrade,
    status: () => ({ runners: service?.heard() ?? [], embedded_runner: service?.embedded() ?? null }),
    heardAt(runnerId) {
      const times = sightings(runnerId).map(({ at }) => at);
      return times.length === 0 ? null : Math.max(...times);
    },
    heardBy: (runnerId) =>
      sightings(runnerId)
        .filter(({ at }) => deps.clock() - at < LATELY_MS)
        .map(({ node }) => node),
    embeddedElsewhere: () =>
      others().flatMap(({ at, status }) =>
        status.embedded_runner && deps.clock() - at < LATELY_MS ? [status.embedded_runner] : [],
      ),
    trust() {
      const info = deps.db().select().from(clusterInfo).get();
      return info && { ca: wantedCaPem(deps.db()) ?? deps.identity().caPem, issuer: info.caCert };
    },
    renewCertificate: (runnerId, csr) => renewRunnerCertificate(deps, runnerId, csr),
    attach(next) {
      service = next;
    },
  };
}
