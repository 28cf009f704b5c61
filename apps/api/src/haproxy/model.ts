import { isIP, isIPv6 } from 'node:net';
import type { HaproxySettings, Publication } from '@quorate/shared/haproxy';

/** A live core member as the load balancer sees it: its advertised API address, already split. */
export interface HaproxyNode {
  readonly id: number;
  readonly name: string;
  /** IP address (IPv6 without brackets) or DNS name; empty = the node has no usable address. */
  readonly host: string;
  readonly port: number;
  /** The node's API listener speaks TLS. */
  readonly tls: boolean;
  readonly state: 'ready' | 'drained';
  /** Name that the node's certificate must carry (DNS SAN or CN). Default: its DNS name, else `quorate-node-<id>`. */
  readonly certificateName?: string;
}

/** A placed replica of a service, as the load balancer sees it. */
export interface HaproxyReplica {
  readonly service: string;
  readonly slot: number;
  /** IP address or DNS name of its runner; empty = not known. */
  readonly address: string;
  readonly port: number;
  readonly healthy: boolean;
  /** It is about to stop: it finishes what it has. */
  readonly draining: boolean;
}

/** A published service: one frontend and one backend. */
export interface HaproxyService extends Publication {
  readonly replicas: readonly { name: string; id: number; address: string; disabled: boolean }[];
}

export interface HaproxyServer {
  readonly name: string;
  readonly id: number;
  readonly nodeName: string;
  /** `host:port`, IPv6 in brackets. */
  readonly address: string;
  readonly tls: boolean;
  readonly certificateName: string;
  /** Why it takes no traffic, or null when it does. */
  readonly disabled: string | null;
}

export type HaproxyFrontend =
  | {
      readonly kind: 'entry';
      readonly name: string;
      readonly bind: string;
      readonly mode: 'http' | 'tcp';
      /** Set when TLS ends here. */
      readonly certificatePath: string | null;
    }
  | { readonly kind: 'redirect'; readonly name: string; readonly bind: string; readonly httpsPort: number }
  | {
      readonly kind: 'observe';
      readonly name: string;
      readonly bind: string;
      readonly stats: boolean;
      readonly prometheus: boolean;
    };

export interface HaproxyBackend {
  readonly name: string;
  readonly mode: 'http' | 'tcp';
  readonly balance: HaproxySettings['balance'];
  readonly caPath: string;
  readonly check: { readonly intervalMs: number; readonly rise: number; readonly fall: number };
  readonly servers: readonly HaproxyServer[];
  /** Connections a server takes before the next one is used; only with `balance first`. */
  readonly serverMaxConnections: number | null;
}

export interface HaproxyModel {
  readonly clusterName: string;
  readonly global: {
    readonly maxConnections: number;
    readonly runAs: string | null;
    readonly terminatesTls: boolean;
    readonly runtimeSocket: string | null;
  };
  readonly defaults: { readonly streamTimeoutSeconds: number };
  readonly frontends: readonly HaproxyFrontend[];
  readonly backend: HaproxyBackend;
  readonly services: readonly HaproxyService[];
  /** For the operator; rendered as comments at the top. */
  readonly warnings: readonly string[];
}

export interface BuildModelInput {
  readonly clusterName: string;
  readonly settings: HaproxySettings;
  /** Live core members, in any order. */
  readonly nodes: readonly HaproxyNode[];
  /** Placed replicas of any service, in any order. */
  readonly replicas?: readonly HaproxyReplica[];
  /** The port that a service publishes; empty = none, undefined = there is no such service. */
  readonly portOf: (service: string) => string | undefined;
}

export const BACKEND_NAME = 'quorate_nodes';
const LOOPBACK = /^(127\.|::1$|localhost$)/i;
const DNS_NAME = /^[A-Za-z0-9_]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?$/;

/** State and settings to the sections of a configuration. Pure; the order of `nodes` does not matter. */
export function buildModel(input: BuildModelInput): HaproxyModel {
  const { settings } = input;
  const nodes = [...input.nodes].sort((a, b) => a.id - b.id);
  const usable = nodes.filter(hasUsableAddress);
  const mode = settings.tls === 'passthrough' ? 'tcp' : 'http';
  const servers = usable.map((node) => toServer(node, mode));
  const services = settings.services.map((publication) => toService(publication, input.replicas ?? []));
  const taking = servers.filter((server) => server.disabled === null).length;
  return {
    clusterName: input.clusterName,
    global: {
      maxConnections: settings.max_connections,
      runAs: settings.run_as,
      terminatesTls: settings.tls === 'terminate' || services.some((service) => service.certificate_path !== null),
      runtimeSocket: settings.runtime_socket,
    },
    defaults: { streamTimeoutSeconds: settings.stream_timeout_seconds },
    frontends: frontends(settings, mode),
    backend: {
      name: BACKEND_NAME,
      mode,
      balance: settings.balance,
      caPath: settings.ca_path,
      check: { intervalMs: settings.check_interval_ms, rise: settings.check_rise, fall: settings.check_fall },
      servers,
      serverMaxConnections:
        settings.balance === 'first' ? Math.ceil(settings.max_connections / Math.max(1, taking)) : null,
    },
    services,
    warnings: [
      ...nodeWarnings(nodes, servers),
      ...settingsWarnings(settings),
      ...services.flatMap((service) => serviceWarnings(service, input.portOf)),
    ],
  };
}

const hasUsableAddress = ({ host, port }: HaproxyNode): boolean => isUsable(host, port);

function isUsable(host: string, port: number): boolean {
  const hostOk = isIP(host) !== 0 || DNS_NAME.test(host);
  return hostOk && Number.isInteger(port) && port > 0 && port < 65_536;
}

const bracketed = (host: string): string => (isIPv6(host) ? `[${host}]` : host);

/** Names and ids are those of the slots, so that a replica that moves is still the same server. */
function toService(publication: Publication, all: readonly HaproxyReplica[]): HaproxyService {
  const replicas = all
    .filter(({ service, address, port }) => service === publication.service && isUsable(address, port))
    .sort((a, b) => a.slot - b.slot)
    .map(({ slot, address, port, healthy, draining }) => ({
      name: `${publication.service}-${slot}`,
      id: slot + 1,
      address: `${bracketed(address)}:${port}`,
      disabled: !healthy || draining,
    }));
  return { ...publication, replicas };
}

function serviceWarnings({ service, replicas }: HaproxyService, portOf: BuildModelInput['portOf']): string[] {
  if (replicas.some(({ disabled }) => !disabled)) return [];
  const port = portOf(service);
  const unpublish = `or take it off: quorate haproxy unpublish ${service}`;
  if (port === undefined)
    return [`there is no service ${service} any more: it answers nothing but 503; create it, ${unpublish}`];
  if (port === '')
    return [
      `the service ${service} publishes no port: it answers nothing but 503; set publish in its specification, ${unpublish}`,
    ];
  return [`no replica of the service ${service} takes traffic: it answers nothing but 503`];
}

function toServer(node: HaproxyNode, mode: 'http' | 'tcp'): HaproxyServer {
  const named = isIP(node.host) === 0 && !LOOPBACK.test(node.host);
  return {
    name: `node-${node.id}`,
    id: node.id,
    nodeName: node.name,
    address: `${bracketed(node.host)}:${node.port}`,
    tls: node.tls,
    certificateName: node.certificateName ?? (named ? node.host : `quorate-node-${node.id}`),
    disabled: disabledReason(node, mode),
  };
}

function disabledReason(node: HaproxyNode, mode: 'http' | 'tcp'): string | null {
  if (node.state === 'drained') return 'drained';
  if (mode === 'tcp' && !node.tls) return 'it serves plain HTTP, which TLS passthrough cannot reach';
  return null;
}

function frontends(settings: HaproxySettings, mode: 'http' | 'tcp'): HaproxyFrontend[] {
  const list: HaproxyFrontend[] = [
    {
      kind: 'entry',
      name: 'quorate_api',
      bind: settings.bind,
      mode,
      certificatePath: settings.tls === 'terminate' ? settings.certificate_path : null,
    },
  ];
  if (settings.redirect_http_bind && settings.tls !== 'plain') {
    const httpsPort = portOf(settings.bind);
    list.push({ kind: 'redirect', name: 'quorate_redirect', bind: settings.redirect_http_bind, httpsPort });
  }
  const { stats_bind: stats, prometheus_bind: prometheus } = settings;
  if (stats && stats === prometheus) {
    list.push({ kind: 'observe', name: 'quorate_observe', bind: stats, stats: true, prometheus: true });
    return list;
  }
  if (stats) list.push({ kind: 'observe', name: 'quorate_stats', bind: stats, stats: true, prometheus: false });
  if (prometheus) {
    list.push({ kind: 'observe', name: 'quorate_prometheus', bind: prometheus, stats: false, prometheus: true });
  }
  return list;
}

function portOf(bind: string): number {
  return Number(bind.slice(bind.lastIndexOf(':') + 1));
}

function nodeWarnings(nodes: readonly HaproxyNode[], servers: readonly HaproxyServer[]): string[] {
  const warnings: string[] = [];
  for (const node of nodes) {
    if (!hasUsableAddress(node)) {
      warnings.push(`node ${node.id} (${node.name}) is left out: it has no usable API address; set api.advertise_url`);
    } else if (nodes.length > 1 && LOOPBACK.test(node.host)) {
      warnings.push(
        `node ${node.id} (${node.name}) advertises ${node.host}, which only its own host can reach; set api.advertise_url unless HAProxy runs on that host`,
      );
    }
  }
  for (const server of servers) {
    if (server.disabled) warnings.push(`${server.name} (${server.nodeName}) takes no traffic: ${server.disabled}`);
  }
  if (!servers.some((server) => server.disabled === null)) {
    warnings.push('no node takes traffic: every request is answered with 503');
  }
  return warnings;
}

function settingsWarnings(settings: HaproxySettings): string[] {
  const warnings: string[] = [];
  for (const [field, bind] of [
    ['stats_bind', settings.stats_bind],
    ['prometheus_bind', settings.prometheus_bind],
  ] as const) {
    if (bind && !LOOPBACK.test(bind.replace(/^\[/, '').replace(/\]?:\d+$/, ''))) {
      warnings.push(`${field} ${bind} is open to the network without a password; firewall it or bind it to 127.0.0.1`);
    }
  }
  if (settings.tls === 'plain' && settings.redirect_http_bind) {
    warnings.push('redirect_http_bind is ignored: there is no HTTPS to redirect to while tls is plain');
  }
  return warnings;
}
