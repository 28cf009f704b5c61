import { nodeId, nodeName, sha256Fingerprint } from '@quorate/shared/names';
import { z } from 'zod';
import { USER_PATTERN } from '../lib/program-user';
import {
  address,
  cidr,
  duration,
  etcdEndpoint,
  httpsUrl,
  optionalAddress,
  optionalConnectorUrl,
  optionalUrl,
} from './values';

declare module 'zod' {
  interface GlobalMeta {
    /** Never shown: `config view` and the log print `[redacted]`. */
    secret?: boolean;
    /** How the default comes about when the key is empty. */
    derived?: string;
  }
}

const text = z.string().max(4096);

/** A section: strict, and all of its defaults when it is absent. */
const section = <Shape extends z.core.$ZodLooseShape>(description: string, shape: Shape) =>
  z
    .strictObject(shape)
    .prefault({} as never)
    .meta({ description });

/**
 * Everything a node can be told, with defaults: the one source of the loader, `config view`, `init-config` and
 * docs/configuration.md. Sections and keys stand in the order in which they are documented.
 */
export const configSchema = z.strictObject({
  node: section('Who this node is.', {
    id: z
      .union([z.literal('auto'), nodeId], { error: 'expected auto or a whole number from 1 to 63' })
      .default('auto')
      .meta({
        description:
          'A number from 1 to 63, unique for ever within a cluster; auto takes 1 on a first node and asks the cluster on a join.',
      }),
    name: z
      .union([z.literal(''), nodeName], {
        error: 'use at most 63 letters, digits, dots and dashes, and begin and end with a letter or digit',
      })
      .default('')
      .meta({ description: 'The name people see.', derived: 'the host name' }),
  }),
  data_dir: text.min(1, 'must name a folder').default('/var/lib/quorate').meta({
    description: 'Folder for state, journal, snapshots, backups, keys and the agent socket. One node, one folder.',
  }),
  api: section('The public listener: console and REST API.', {
    address: address.default('127.0.0.1:8440').meta({ description: 'host:port to listen on.' }),
    advertise_url: optionalUrl.default('').meta({
      description: 'URL under which other nodes and HAProxy reach this API.',
      derived: 'from the API address (or the advertised cluster host when that is 0.0.0.0) and the TLS mode',
    }),
    tls: section('Encryption of the public listener.', {
      mode: z.enum(['auto', 'files', 'off']).default('auto').meta({
        description:
          'auto: plain HTTP on loopback, a certificate of the cluster CA elsewhere. files: cert and key below. off: plain HTTP.',
      }),
      cert: text.default('').meta({ description: 'PEM file with the certificate chain (mode files).' }),
      key: text.default('').meta({ description: 'PEM file with the private key (mode files).' }),
      allow_insecure: z.boolean().default(false).meta({
        description: 'Must be true to switch TLS off on an address that other machines can reach.',
      }),
    }),
    trusted_proxies: z.array(cidr).max(64).default([]).meta({
      description: 'Proxies (IP or CIDR) whose X-Forwarded-For and X-Forwarded-Proto are believed.',
    }),
  }),
  cluster: section('The node-to-node listener and how this node becomes part of a cluster.', {
    mode: z.enum(['single', 'bootstrap', 'join']).default('single').meta({
      description:
        'single: one node on its own log, which join tokens can grow. bootstrap: found a cluster together with the peers. join: be admitted to a running cluster.',
    }),
    token: z
      .string()
      .regex(/^[A-Za-z0-9._-]{1,64}$/, 'use 1 to 64 letters, digits, dots, dashes or underscores')
      .default('quorate')
      .meta({ description: 'Keeps clusters apart that share a network; the same on every member. Not a secret.' }),
    address: address
      .default('127.0.0.1:7000')
      .meta({ description: 'host:port of the mutual-TLS listener for joining, snapshots, status and runners.' }),
    advertise: z
      .union([z.enum(['', 'auto']), address], { error: 'expected host:port, auto or nothing' })
      .default('')
      .meta({
        description: 'host:port that other nodes dial; auto takes the routable IPv4 address of this host.',
        derived: 'the cluster address',
      }),
    bootstrap_expect: z
      .int()
      .min(1)
      .max(7)
      .default(3)
      .meta({ description: 'Number of founding members (bootstrap mode).' }),
    peers: z
      .array(address)
      .max(7)
      .default([])
      .meta({ description: "Every founding member's cluster address, the same list on all (bootstrap mode)." }),
    tls: section("An operator's own certificates for the cluster listeners; empty = provisioned and rotated.", {
      ca: text.default('').meta({ description: 'PEM file with the CA certificate.' }),
      cert: text.default('').meta({ description: 'PEM file with the certificate; CN <prefix>-node-<id>.' }),
      key: text.default('').meta({ description: 'PEM file with the private key.' }),
    }),
    reap_joins_after: duration({ min: '1m', max: '720h' })
      .default(3_600_000)
      .meta({ description: 'A joining node that has not answered for this long is removed: it blocks other joins.' }),
    join: section('How to be admitted (join mode). `quorated join` writes these keys.', {
      url: httpsUrl.default('').meta({ description: 'https://HOST:PORT: the cluster address of any member.' }),
      token: z
        .string()
        .regex(/^(qj_[A-Za-z0-9_-]{43})?$/, 'expected a join token: qj_ and 43 characters')
        .default('')
        .meta({ description: 'The join token itself; prefer token_path.', secret: true }),
      token_path: text.default('').meta({ description: 'File with the join token; removed after success.' }),
      ca_fingerprint: z
        .union([z.literal(''), sha256Fingerprint], { error: 'expected sha256: followed by 64 lower-case hex digits' })
        .default('')
        .meta({ description: 'sha256:HEX of the cluster CA, shown beside the token.' }),
      timeout: duration({ min: '1s', max: '1h' })
        .default(30_000)
        .meta({ description: 'How long one attempt may take.' }),
    }),
  }),
  raft: section('The replicated log: an etcd member that this node supervises, once it is part of a cluster.', {
    binary: text.min(1, 'must name a program').default('etcd').meta({
      description: 'The etcd program (name or path): 3.4.23 or newer; 3.5.33 or newer or 3.6 recommended.',
    }),
    peer_address: optionalAddress
      .default('')
      .meta({ description: 'host:port for Raft traffic.', derived: 'cluster host, cluster port + 1' }),
    client_address: optionalAddress
      .default('')
      .meta({ description: 'host:port for log clients, mutual TLS.', derived: 'cluster host, cluster port + 2' }),
    endpoints: z
      .array(etcdEndpoint)
      .max(16)
      .default([])
      .meta({ description: 'Use an etcd that you already run instead of a supervised one.' }),
    profile: z.enum(['lan', 'wan', 'custom']).default('lan').meta({
      description: 'Timing of elections. lan: 50/300 ms. wan: 250/2500 ms. custom: heartbeat and election below.',
    }),
    heartbeat: z
      .union([z.literal(''), duration({ min: '10ms', max: '5s' })], { error: 'expected a duration from 10ms to 5s' })
      .default('')
      .meta({ description: 'Interval of heartbeats (profile custom), about the round trip between members.' }),
    election: z
      .union([z.literal(''), duration({ min: '50ms', max: '50s' })], { error: 'expected a duration from 50ms to 50s' })
      .default('')
      .meta({ description: 'Silence after which a new leader is elected (profile custom), at least 5 heartbeats.' }),
    retain_entries: z.int().min(100).max(10_000_000).default(10_000).meta({
      description: 'Entries kept for members that fall behind; one further behind installs a snapshot.',
    }),
    quota_bytes: z.int().min(16_777_216).max(8_589_934_592).default(2_147_483_648).meta({
      description: 'Size in bytes of the journal at which etcd stops writing and raises an alarm.',
    }),
    tls: section("Certificates towards that etcd (mutual TLS); empty = this node's own.", {
      ca: text.default('').meta({ description: 'PEM file with the CA that signed the certificates of that etcd.' }),
      cert: text.default('').meta({ description: 'PEM file with the client certificate.' }),
      key: text.default('').meta({ description: 'PEM file with its private key.' }),
    }),
  }),
  snapshots: section('Verified copies of the state that each node keeps; the log is trimmed only below the newest.', {
    entries: z.int().min(100).max(10_000_000).default(10_000).meta({
      description: 'Entries after which the next one is made.',
    }),
    interval: duration({ min: '10s', max: '720h' }).default(3_600_000).meta({
      description: 'Time after which the next one is made, if anything was written.',
    }),
    keep: z.int().min(1).max(20).default(2).meta({ description: 'How many are kept.' }),
  }),
  workers: section('Work that this node does for the cluster.', {
    enabled: z.boolean().default(true).meta({ description: 'Whether this node executes jobs and runs services.' }),
    concurrency: z
      .int()
      .min(1)
      .max(256)
      .default(2)
      .meta({ description: 'Jobs and replicas of services at the same time.' }),
    user: z
      .string()
      .refine((text) => text === '' || USER_PATTERN.test(text), 'expected NAME or NAME:GROUP')
      .default('')
      .meta({
        description:
          'Whom jobs, replicas and their checks run as, NAME or NAME:GROUP; empty = as this node does. Only root can run them as another.',
      }),
    stop_services: z.boolean().default(false).meta({
      description:
        'At a stop of this node, also stop the replicas of services that it runs. Otherwise they go on, and the next start takes them over.',
    }),
  }),
  connector: section('The connection to an upstream: one of the core nodes keeps it, the others stand by.', {
    url: optionalConnectorUrl.default('').meta({
      description: "URL of the upstream for this node; empty = that of the cluster's settings (`PUT /v1/connector`).",
    }),
    ha_enabled: z.boolean().default(false).meta({
      description: 'This node takes over when the active one fails, also where the settings do not say so.',
    }),
    is_primary: z.boolean().default(false).meta({
      description: 'Preferred: connects first, and takes back when it is healthy and reaches the upstream.',
    }),
    cert: text.default('').meta({
      description: "PEM file with this node's client certificate; read again when it changes.",
      derived: 'the certificate of the node, from the CA of the cluster',
    }),
    key: text.default('').meta({ description: 'PEM file with its private key.' }),
    ca: text.default('').meta({
      description: "PEM file with the CA of the upstream's certificate; empty = that of the cluster's settings.",
    }),
  }),
  events: section('What becomes of events beside the API.', {
    file: text
      .default('')
      .meta({ description: 'File to which every event is appended as a line of JSON; empty = none.' }),
    file_max_bytes: z.int().min(65_536).max(1_073_741_824).default(10_485_760).meta({
      description: 'Size in bytes at which the file is rotated.',
    }),
    file_keep: z
      .int()
      .min(0)
      .max(100)
      .default(5)
      .meta({ description: 'Rotated files that are kept: FILE.1 is the newest.' }),
    webhook_loopback: z.boolean().default(false).meta({
      description: 'Let webhooks reach loopback addresses, which are those of whichever node leads.',
    }),
  }),
  backups: section('Backups of the state.', {
    dir: text.default('').meta({
      description: 'Folder for backups on this disk; better another disk than that of the data directory.',
      derived: 'backups in the data directory',
    }),
  }),
  log: section('What the node says on standard error.', {
    level: z
      .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])
      .default('info')
      .meta({ description: 'The least severe level that is written.' }),
    format: z
      .enum(['auto', 'json', 'text'])
      .default('auto')
      .meta({ description: 'auto: text on a terminal, JSON lines elsewhere.' }),
  }),
});

/** A validated configuration; durations are milliseconds. Derived keys may still be empty: see `derive.ts`. */
export type RawConfig = z.output<typeof configSchema>;
