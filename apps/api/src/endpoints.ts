import { advertisedAddresses } from './cluster/addresses';
import { backupEndpoints } from './cluster/backups/routes';
import { careEndpoints } from './cluster/care-routes';
import { requireInfo } from './cluster/cluster-record';
import { joinEndpoints } from './cluster/join/routes';
import { joinTokenEndpoints } from './cluster/join-tokens/routes';
import { keyEndpoints } from './cluster/keys/routes';
import { failoverEndpoints } from './cluster/leadership/routes';
import { pairingEndpoints } from './cluster/pairing/routes';
import { restoreEndpoints } from './cluster/restore/routes';
import { clusterEndpoints } from './cluster/routes';
import type { ClusterRuntime } from './cluster/runtime';
import type { Config } from './config/derive';
import { type ConnectorEndpointDeps, connectorEndpoints } from './connector/routes';
import type { StateDb } from './db/state-store';
import type { EventBus } from './events/bus';
import type { EventLog } from './events/event-log';
import { balancerEndpoints } from './haproxy/balancers/routes';
import { createBalancerSightings } from './haproxy/balancers/sightings';
import { haproxyEndpoints } from './haproxy/routes';
import { haproxyCommands, loadBalancerSource } from './haproxy-source';
import type { Endpoint } from './http/endpoint';
import { createLoginThrottle } from './http/login-throttle';
import type { Clock } from './lib/clock';
import type { Proposer } from './replication/proposer';
import { apiTokenEndpoints } from './resources/api-tokens/routes';
import { auditEndpoints } from './resources/audit/routes';
import { eventEndpoints } from './resources/events/routes';
import { type HealthDeps, healthEndpoints } from './resources/health/routes';
import { outcomeEndpoints } from './resources/outcomes/routes';
import { retentionEndpoints } from './resources/retention/routes';
import { sessionEndpoints } from './resources/session/routes';
import { setupEndpoints } from './resources/setup/routes';
import { type SupportBundleDeps, supportBundleEndpoints } from './resources/support-bundle/routes';
import { userEndpoints } from './resources/users/routes';
import { webhookEndpoints } from './resources/webhooks/routes';
import type { WebhookSender } from './resources/webhooks/sender';
import type { Work } from './work/work';

export interface EndpointDeps extends Omit<HealthDeps, 'isLeader'> {
  readonly work: Work;
  readonly connector: ConnectorEndpointDeps;
  readonly config: Config;
  readonly cluster: ClusterRuntime;
  readonly version: string;
  readonly setupCode: string;
  readonly secureCookies: boolean;
  readonly clock: Clock;
  readonly proposer: Proposer;
  readonly bus: EventBus;
  readonly eventLog: EventLog;
  readonly webhookSender: WebhookSender;
  readonly supportBundle: SupportBundleDeps;
  readonly onStreams: (change: 1 | -1) => void;
  readonly stopping: AbortSignal;
  readonly db: () => StateDb;
}

/** Every REST operation of this build: one line for each resource. */
export function createEndpoints(deps: EndpointDeps): Endpoint[] {
  const { cluster, config, clock, db } = deps;
  const { view, membership, barrier, keyring, backups } = cluster;
  const throttle = createLoginThrottle();
  const node = { id: cluster.nodeId, name: cluster.name };
  const balancers = createBalancerSightings({ clock, elsewhere: cluster.balancers.heardElsewhereAt });
  cluster.balancers.attach(balancers.heard);
  return [
    ...healthEndpoints({ ...deps, isLeader: () => view.leaderId() === cluster.nodeId }),
    ...setupEndpoints({ ...deps, throttle, node: () => node }),
    ...sessionEndpoints({ ...deps, throttle, sessionKeys: () => keyring.sessionKeys() }),
    ...userEndpoints({ throttle }),
    ...apiTokenEndpoints(),
    ...clusterEndpoints({ view, membership }),
    ...pairingEndpoints({
      view,
      ensureCluster: () => cluster.ensureCluster(),
      caCert: () => requireInfo(db()).caCert,
      clusterAddress: () => advertisedAddresses(config).cluster,
      waitingCode: () => cluster.waiting.code(),
    }),
    ...failoverEndpoints({ membership, proposer: deps.proposer }),
    ...careEndpoints({ care: cluster.care, journal: cluster.journal, nodeId: cluster.nodeId }),
    ...joinTokenEndpoints({
      clock,
      ensureCluster: () => cluster.ensureCluster(),
      caCert: () => requireInfo(db()).caCert,
      clusterAddress: () => advertisedAddresses(config).cluster,
    }),
    ...backupEndpoints({ ...backups, nodeId: cluster.nodeId, clock, version: deps.version, seal: keyring.seal }),
    ...restoreEndpoints({
      restorer: cluster.restorer,
      files: backups.files,
      view,
      ensureCluster: () => cluster.ensureCluster(),
    }),
    ...keyEndpoints(cluster.keys),
    ...joinEndpoints({ clock, progress: cluster.joinProgress }),
    ...haproxyEndpoints(loadBalancerSource, haproxyCommands, clock),
    ...balancerEndpoints({ source: loadBalancerSource, sightings: balancers, quorumHeld: cluster.journal.quorumHeld }),
    ...eventEndpoints({ ...deps, clusterView: () => JSON.stringify(view.cluster()) }),
    ...webhookEndpoints({
      ...{ clock, nodeId: cluster.nodeId, eventLog: deps.eventLog, sender: deps.webhookSender },
      ...{ seal: keyring.seal, open: keyring.unseal },
    }),
    ...supportBundleEndpoints(deps.supportBundle),
    ...retentionEndpoints(),
    ...deps.work.endpoints(deps.stopping),
    ...connectorEndpoints(deps.connector),
    ...auditEndpoints(),
    ...outcomeEndpoints({ barrier }),
  ];
}
