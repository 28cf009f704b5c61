import type { Principal } from '@quorate/shared/session';
import type { Registry } from 'prom-client';
import { requireInfo } from './cluster/cluster-record';
import { liveMembers } from './cluster/members/admission';
import type { ClusterRuntime } from './cluster/runtime';
import type { Config } from './config/derive';
import { type Connector, type CoreNode, startConnector } from './connector/connector';
import { effectiveSettings } from './connector/effective';
import { registerConnector } from './connector/metrics';
import { type ApiFetch, upstreamPrincipal } from './connector/requests';
import type { ConnectorEndpointDeps } from './connector/routes';
import type { Core } from './core';
import type { Clock } from './lib/clock';
import type { Logger } from './lib/logger';
import type { Watching } from './watching';

/** The connector, given what it needs of the rest of the node. */
export interface UpstreamSide {
  readonly endpointDeps: ConnectorEndpointDeps;
  /** Who calls the API over the connection, with the role that the settings give. */
  principal(): Principal;
  start(fetch: ApiFetch): void;
  stop(): Promise<void>;
}

/** A takeover takes seconds, a restart of the upstream a little more: neither is an alarm. */
const UNCONNECTED = {
  code: 'upstream_unconnected',
  severity: 'warning',
  scope: 'cluster',
  holdMs: 60_000,
  cure: 'quorate connector shows what each node finds; correct the settings, or see why the upstream does not answer',
} as const;

export function createUpstreamSide(options: {
  config: Config;
  core: Core;
  cluster: ClusterRuntime;
  clock: Clock;
  logger: Logger;
  version: string;
  watching: Watching;
  metrics: Registry;
}): UpstreamSide {
  const { config, core, cluster, clock, logger, version, watching } = options;
  const { journal, view } = cluster;
  const db = () => core.store.db;
  const node = { id: cluster.nodeId, name: cluster.name };
  let connector: Connector | undefined;

  const clusterOf = () => {
    const { clusterId, name } = requireInfo(db());
    return { id: clusterId, name };
  };
  /** Of the state alone: asked for five times a second. */
  const members = (): CoreNode[] =>
    liveMembers(db()).map(({ id, name, version: runs, state, drainedAt }) => ({
      ...{ id, name, version: runs },
      inService: state === 'voter' && drainedAt === null,
    }));
  const healths = () => new Map(view.members().map(({ id, health }) => [id, health]));
  registerConnector(options.metrics, () => connector?.figures);
  cluster.care.alarms.watch(() => {
    const why = connector?.unconnected();
    return why === undefined ? [] : [{ ...UNCONNECTED, message: `no node is connected to the upstream: ${why}` }];
  });
  const notStarted = (): Connector => {
    throw new Error('the connector is started with the API');
  };
  return {
    endpointDeps: {
      connector: () => connector ?? notStarted(),
      members,
      cluster: clusterOf,
      clusterCa: () => requireInfo(db()).caCert,
      quorumHeld: () => cluster.journal.quorumHeld(),
      clock,
    },
    principal: () => upstreamPrincipal(effectiveSettings(db(), config.connector, false).role),
    start(fetch) {
      const started = startConnector({
        ...{ node, version, config: config.connector, db, applier: core.applier, fetch, clock, logger },
        ...{
          members,
          healths,
          cluster: clusterOf,
          identity: cluster.identity,
          eventLog: watching.eventLog,
          bus: watching.bus,
        },
        propose: core.proposer.propose,
        log: () => journal.log,
        sound: () => journal.health === 'ok',
        quorumHeld: journal.quorumHeld,
        peer(id) {
          const seen = cluster.observe(id);
          if (!seen) return undefined;
          const { reachable, lastSeenAt, status } = seen;
          return { reachable, answers: seen.error === '', lastSeenAt, connector: status?.connector };
        },
      });
      connector = started;
      cluster.reportConnector(started.report);
    },
    async stop() {
      await connector?.stop();
    },
  };
}
