import { type EtcdVersion, isAtLeast } from './binary';

/** Paths of PEM files. etcd reads certificate and key again at each handshake, the CA only when it starts. */
export interface EtcdTlsFiles {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export interface EtcdMemberOptions {
  readonly name: string;
  /** Absolute. Its etcd lock and pid file keep two processes apart. */
  readonly dataDir: string;
  /** Advertised URLs: `https://HOST:PORT`. */
  readonly peerUrl: string;
  readonly clientUrl: string;
  /** What to bind when it isn't the advertised URL (etcd binds IP addresses only, never names). */
  readonly listenPeerUrl?: string;
  readonly listenClientUrl?: string;
  /** One certificate serves peers and clients; null = plain HTTP, for tests on loopback. */
  readonly tls: EtcdTlsFiles | null;
  /** `name=peerUrl,…` of all members, this one included. Ignored by etcd once the data directory exists. */
  readonly initialCluster: string;
  readonly initialClusterState: 'new' | 'existing';
  readonly clusterToken: string;
  readonly heartbeatMs: number;
  readonly electionMs: number;
  readonly quotaBytes: number;
  /**
   * etcd's own check of membership changes, default true. It refuses a new member, even a learner, until every voter
   * has been connected for 5 s ("unhealthy cluster"); off, the caller must keep the quorum safe itself.
   */
  readonly strictReconfigCheck?: boolean;
  /** Makes a cluster of one of an old member's data; for reading a copy of it, never for the data itself. */
  readonly forceNewCluster?: boolean;
}

/**
 * Raft entries between etcd's own snapshots. It keeps this many plus 5000 in memory, and ours may be half a MiB:
 * etcd's default of 100,000 would cost gigabytes.
 */
const SNAPSHOT_COUNT = 2000;

/** The command line for a version: 3.4 has pre-vote and JSON logs off, 3.6 renamed the experimental flags. */
export function etcdFlags(options: EtcdMemberOptions, version: EtcdVersion): string[] {
  const skipSan = isAtLeast(version, { major: 3, minor: 6, patch: 0 })
    ? '--peer-skip-client-san-verification=true'
    : '--experimental-peer-skip-client-san-verification=true';
  return [
    `--name=${options.name}`,
    `--data-dir=${options.dataDir}`,
    `--listen-peer-urls=${options.listenPeerUrl ?? options.peerUrl}`,
    `--listen-client-urls=${options.listenClientUrl ?? options.clientUrl}`,
    `--initial-advertise-peer-urls=${options.peerUrl}`,
    `--advertise-client-urls=${options.clientUrl}`,
    `--initial-cluster=${options.initialCluster}`,
    `--initial-cluster-state=${options.initialClusterState}`,
    `--initial-cluster-token=${options.clusterToken}`,
    `--heartbeat-interval=${options.heartbeatMs}`,
    `--election-timeout=${options.electionMs}`,
    `--quota-backend-bytes=${options.quotaBytes}`,
    `--snapshot-count=${SNAPSHOT_COUNT}`,
    '--pre-vote=true',
    `--strict-reconfig-check=${options.strictReconfigCheck ?? true}`,
    // Compaction is decided by what the nodes have applied, never by a clock.
    '--auto-compaction-retention=0',
    '--enable-grpc-gateway=false',
    '--logger=zap',
    '--log-outputs=stderr',
    ...(options.forceNewCluster ? ['--force-new-cluster=true'] : []),
    ...(options.tls ? tlsFlags(options.tls, skipSan) : []),
  ];
}

function tlsFlags(tls: EtcdTlsFiles, skipSan: string): string[] {
  const of = (prefix: string): string[] => [
    `--${prefix}cert-file=${tls.cert}`,
    `--${prefix}key-file=${tls.key}`,
    `--${prefix}trusted-ca-file=${tls.ca}`,
    `--${prefix}client-cert-auth=true`,
  ];
  // A peer is known by our CA. Its source address is often not in its certificate: NAT, several addresses.
  return [...of(''), ...of('peer-'), skipSan];
}
