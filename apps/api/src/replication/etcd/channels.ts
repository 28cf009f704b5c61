import { isIP } from 'node:net';
import { checkServerIdentity } from 'node:tls';
import { type ChannelCredentials, Client, type ClientOptions, connectivityState, credentials } from '@grpc/grpc-js';

/** PEM texts. `null` in place of this means plain HTTP/2, for a loopback etcd in tests only. */
export interface EtcdTls {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** How long an endpoint that failed stands behind the others. */
const COOLING_MS = 2000;
/** A watch fragment is at most a request (1.5 MiB) plus 512 KiB; the rest is head room. */
const MAX_MESSAGE_BYTES = 8 * 1024 * 1024;

const CHANNEL_OPTIONS: ClientOptions = {
  // A repeated append must be the caller's decision; grpc-js still re-sends what certainly never left.
  'grpc.enable_retries': 0,
  // Statistics of each call that nobody reads.
  'grpc.enable_channelz': 0,
  'grpc.use_local_subchannel_pool': 1,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1000,
  // etcd refuses pings more frequent than each 5 s (--grpc-keepalive-min-time), and any without a call.
  'grpc.keepalive_time_ms': 6000,
  'grpc.keepalive_timeout_ms': 2000,
  'grpc.keepalive_permit_without_calls': 0,
  'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
  'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
};

interface Channel {
  readonly client: Client;
  coolingUntilMs: number;
}

/** One gRPC channel an endpoint, so that it is us who decides which member gets a call. */
export interface Channels {
  /** Current endpoints, those that failed lately last. */
  ordered(): string[];
  client(endpoint: string): Client;
  /** False when no connection stands within `timeoutMs`: then nothing can have been sent. */
  connected(endpoint: string, timeoutMs: number): Promise<boolean>;
  cool(endpoint: string): void;
  warm(endpoint: string): void;
  /** New connections use the new certificate; calls in flight finish on the old one. */
  setTls(tls: EtcdTls | null): void;
  close(): void;
}

export function createChannels(endpoints: () => readonly string[], initialTls: EtcdTls | null): Channels {
  const channels = new Map<string, Channel>();
  let tls = initialTls;

  function channel(endpoint: string): Channel {
    const known = channels.get(endpoint);
    if (known) return known;
    const made = { client: connect(endpoint, tls), coolingUntilMs: 0 };
    channels.set(endpoint, made);
    return made;
  }

  function closeAll(): void {
    for (const { client } of channels.values()) client.close();
    channels.clear();
  }

  /** Channels of members that are gone don't linger. */
  function dropUnlisted(listed: readonly string[]): void {
    for (const [endpoint, { client }] of channels) {
      if (listed.includes(endpoint)) continue;
      client.close();
      channels.delete(endpoint);
    }
  }

  return {
    ordered() {
      const listed = [...new Set(endpoints())];
      if (channels.size > listed.length + 8) dropUnlisted(listed);
      const nowMs = performance.now();
      const cooling = (endpoint: string): number => ((channels.get(endpoint)?.coolingUntilMs ?? 0) > nowMs ? 1 : 0);
      return listed.sort((a, b) => cooling(a) - cooling(b));
    },
    client: (endpoint) => channel(endpoint).client,
    connected: (endpoint, timeoutMs) => waitForConnection(channel(endpoint).client, timeoutMs),
    cool(endpoint) {
      channel(endpoint).coolingUntilMs = performance.now() + COOLING_MS;
    },
    warm(endpoint) {
      channel(endpoint).coolingUntilMs = 0;
    },
    setTls(next) {
      tls = next;
      closeAll();
    },
    close: closeAll,
  };
}

function connect(endpoint: string, tls: EtcdTls | null): Client {
  const url = new URL(endpoint);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if ((url.protocol === 'https:') !== (tls !== null)) {
    throw new TypeError(`etcd endpoint ${endpoint}: expected ${tls ? 'https' : 'http'}://`);
  }
  // TLS forbids an IP address as server name; the certificate is still verified against the address itself.
  const named = tls && isIP(host) ? { 'grpc.ssl_target_name_override': 'etcd' } : {};
  return new Client(`${isIP(host) === 6 ? `[${host}]` : host}:${url.port || '2379'}`, credentialsFor(tls, host), {
    ...CHANNEL_OPTIONS,
    ...named,
  });
}

function credentialsFor(tls: EtcdTls | null, host: string): ChannelCredentials {
  if (!tls) return credentials.createInsecure();
  return credentials.createSsl(Buffer.from(tls.ca), Buffer.from(tls.key), Buffer.from(tls.cert), {
    checkServerIdentity: (_name, certificate) => checkServerIdentity(host, certificate),
  });
}

function waitForConnection(client: Client, timeoutMs: number): Promise<boolean> {
  const channel = client.getChannel();
  const deadline = Date.now() + timeoutMs;
  return new Promise((resolve) => {
    const look = (): void => {
      const state = channel.getConnectivityState(true);
      if (state === connectivityState.CONNECTING || state === connectivityState.IDLE) {
        channel.watchConnectivityState(state, deadline, (error) => (error ? resolve(false) : look()));
      } else {
        resolve(state === connectivityState.READY);
      }
    };
    look();
  });
}
