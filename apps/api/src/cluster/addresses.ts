import type { Config } from '../config/derive';
import { assert } from '../lib/assert';
import { formatHostPort, isUnspecified, parseHostPort } from '../lib/net';

/** Where this node listens and what it tells others to dial. */
export interface NodeAddresses {
  /** `host:port` of the cluster listener that others dial. */
  readonly cluster: string;
  readonly raftPeer: string;
  readonly raftClient: string;
  readonly apiUrl: string;
  /** Every host in the addresses above, for the certificate. */
  readonly hosts: readonly string[];
}

function hostPort(text: string): { host: string; port: number } {
  const parsed = parseHostPort(text);
  assert(parsed, `${text} is host:port`);
  return parsed;
}

/** The advertised addresses of a configuration: a wildcard address is advertised under the cluster's host. */
export function advertisedAddresses(config: Config): NodeAddresses {
  const cluster = hostPort(config.cluster.advertise);
  const reachable = (text: string): string => {
    const { host, port } = hostPort(text);
    return formatHostPort({ host: isUnspecified(host) ? cluster.host : host, port });
  };
  const raftPeer = reachable(config.raft.peer_address);
  const raftClient = reachable(config.raft.client_address);
  const apiUrl = config.api.advertise_url;
  const urlHost = new URL(apiUrl).hostname.replace(/^\[|\]$/g, '');
  const hosts = new Set([cluster.host, hostPort(raftPeer).host, hostPort(raftClient).host, urlHost]);
  return { cluster: config.cluster.advertise, raftPeer, raftClient, apiUrl, hosts: [...hosts] };
}
