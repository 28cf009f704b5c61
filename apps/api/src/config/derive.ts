import { formatHostPort, type HostPort, isLoopback, isUnspecified, parseHostPort } from '../lib/net';
import type { RawConfig } from './schema';

/** What is known of the machine; passed in, so that deriving stays pure. */
export interface HostFacts {
  readonly hostname: string;
  /** An IPv4 address that other machines can reach, or undefined when there is none. */
  readonly ipv4: string | undefined;
}

/** Milliseconds between heartbeats, and of silence until an election. */
const TIMINGS = { lan: { heartbeat: 50, election: 300 }, wan: { heartbeat: 250, election: 2500 } } as const;

/** The configuration with every derived key filled. All durations are milliseconds. */
export interface Config extends Omit<RawConfig, 'raft'> {
  readonly raft: Omit<RawConfig['raft'], 'heartbeat' | 'election'> & {
    readonly heartbeat: number;
    readonly election: number;
  };
}

export interface Derived {
  readonly config: Config;
  /** Keys that were filled here. */
  readonly derived: readonly string[];
  /** Keys that could not be filled, with why. */
  readonly problems: readonly { key: string; message: string }[];
}

/** A host name as a node name: other characters become dashes. */
export function nameFromHost(hostname: string): string {
  const name = hostname
    .replaceAll(/[^a-zA-Z0-9.-]/g, '-')
    .slice(0, 63)
    .replaceAll(/^[.-]+|[.-]+$/g, '');
  return name || 'node';
}

const partsOf = (text: string): HostPort => parseHostPort(text) ?? { host: '127.0.0.1', port: 0 };

/** Fills what the operator left to the program. Never fails on a valid configuration but for an unknown own address. */
export function deriveConfig(raw: RawConfig, host: HostFacts): Derived {
  const derived: string[] = [];
  const problems: { key: string; message: string }[] = [];
  const fill = <T>(key: string, given: T | '', make: () => T): T => {
    if (given !== '') return given;
    derived.push(key);
    return make();
  };

  const cluster = partsOf(raw.cluster.address);
  const wantsOwnAddress =
    raw.cluster.advertise === 'auto' || (raw.cluster.advertise === '' && isUnspecified(cluster.host));
  if (wantsOwnAddress && host.ipv4 === undefined) {
    problems.push({
      key: 'cluster.advertise',
      message: 'this host has no routable IPv4 address to advertise; set cluster.advertise to host:port',
    });
  }
  const advertise = fill('cluster.advertise', wantsOwnAddress ? '' : raw.cluster.advertise, () =>
    formatHostPort({ ...cluster, host: wantsOwnAddress ? (host.ipv4 ?? cluster.host) : cluster.host }),
  );
  const beside = (offset: number) => (): string => formatHostPort({ host: cluster.host, port: cluster.port + offset });
  const timings = TIMINGS[raw.raft.profile === 'wan' ? 'wan' : 'lan'];
  // Outside the custom profile the two keys are ignored (the loader warns).
  const custom = raw.raft.profile === 'custom' ? raw.raft : { heartbeat: '' as const, election: '' as const };

  const config: Config = {
    ...raw,
    node: { ...raw.node, name: fill('node.name', raw.node.name, () => nameFromHost(host.hostname)) },
    api: {
      ...raw.api,
      advertise_url: fill('api.advertise_url', raw.api.advertise_url, () => apiUrl(raw, partsOf(advertise).host)),
    },
    cluster: { ...raw.cluster, advertise },
    raft: {
      ...raw.raft,
      peer_address: fill('raft.peer_address', raw.raft.peer_address, beside(1)),
      client_address: fill('raft.client_address', raw.raft.client_address, beside(2)),
      heartbeat: fill('raft.heartbeat', custom.heartbeat, () => timings.heartbeat),
      election: fill('raft.election', custom.election, () => timings.election),
    },
  };
  return { config, derived, problems };
}

/** True when the public listener speaks TLS: asked for, or `auto` on an address that other machines reach. */
export function apiUsesTls({ api }: Pick<RawConfig, 'api'>): boolean {
  return api.tls.mode === 'files' || (api.tls.mode === 'auto' && !isLoopback(partsOf(api.address).host));
}

function apiUrl(raw: RawConfig, advertisedHost: string): string {
  const listen = partsOf(raw.api.address);
  const host = isUnspecified(listen.host) ? advertisedHost : listen.host;
  return `${apiUsesTls(raw) ? 'https' : 'http'}://${formatHostPort({ host, port: listen.port })}`;
}
