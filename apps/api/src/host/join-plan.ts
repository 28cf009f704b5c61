import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import {
  JoinStringError,
  type JoinTarget,
  parseFingerprint,
  parseJoinAddress,
  parseJoinString,
  parseJoinToken,
} from '../cluster/join/join-string';
import type { Config } from '../config/derive';
import { CONFIG_KEYS, valueAt } from '../config/keys';
import { DEFAULT_CONFIG_FILE, type LoadedConfig, loadConfig } from '../config/load';
import type { ConfigFlag } from '../config/sources';
import { fromFlags } from '../config/sources';
import { formatHostPort, isLoopback, isUnspecified, parseHostPort } from '../lib/net';
import { type ConfigOptions, flagsOf, type HostContext, hostFacts } from './config-options';
import { HostError, reasonOf, UsageError } from './host-error';

export interface JoinCliOptions extends ConfigOptions {
  readonly url?: string;
  readonly token?: string;
  readonly tokenPath?: string;
  readonly caFingerprint?: string;
  readonly name?: string;
  readonly id?: string;
  readonly tokenDest?: string;
  /** False with --no-restart. */
  readonly restart: boolean;
  readonly foreground?: boolean;
  readonly force?: boolean;
}

/** What a join is going to do; nothing has been changed or sent yet. */
export interface JoinPlan {
  readonly target: JoinTarget;
  readonly configFile: string;
  /** The configuration as it will be in force. */
  readonly config: Config;
  /** Keys to write into the file; undefined removes one. */
  readonly changes: Readonly<Record<string, unknown>>;
  /** Where the token will lie until it is used. */
  readonly tokenFile: string;
  /** What was decided for the operator, to be shown. */
  readonly notes: readonly string[];
  readonly warnings: readonly string[];
}

const MAX_TOKEN_FILE_BYTES = 4096;

function readSecret(path: string, what: string): string {
  try {
    const text = readFileSync(path === '-' ? 0 : path, 'utf8');
    if (text.length > MAX_TOKEN_FILE_BYTES) throw new Error(`it is larger than ${MAX_TOKEN_FILE_BYTES} bytes`);
    return text.trim();
  } catch (error) {
    const where = path === '-' ? 'standard input' : path;
    throw new HostError(`${what} cannot be read from ${where}: ${reasonOf(error)}; put the join token there`);
  }
}

/** Where to, with what token, and which CA to trust. @throws UsageError naming what is missing or given twice */
function targetOf(argument: string | undefined, options: JoinCliOptions): { target: JoinTarget; inline: boolean } {
  const { url, token, tokenPath, caFingerprint } = options;
  const long = { '--url': url, '--token': token, '--token-path': tokenPath, '--ca-fingerprint': caFingerprint };
  const given = Object.entries(long).flatMap(([flag, value]) => (value === undefined ? [] : [flag]));
  if (argument !== undefined) {
    if (given.length > 0) {
      throw new UsageError(
        `give either the join string or ${given.join(' and ')}, not both: the join string has it all`,
      );
    }
    const text = argument === '-' ? readSecret('-', 'the join string') : argument;
    return { target: parseJoinString(text), inline: argument !== '-' };
  }
  if (given.length === 0) {
    throw new UsageError(
      'give the join string HOST:PORT/TOKEN/FINGERPRINT ("-" reads it from standard input), or --url with --token-path (or --token) and --ca-fingerprint',
    );
  }
  if (token !== undefined && tokenPath !== undefined) {
    throw new UsageError('give exactly one token source, --token or --token-path, not both');
  }
  if (token === undefined && tokenPath === undefined) {
    throw new UsageError('give exactly one token source: --token-path FILE or --token TOKEN');
  }
  if (url === undefined) throw new UsageError('--url https://HOST:PORT is missing: the cluster address of any member');
  if (caFingerprint === undefined) {
    throw new UsageError('--ca-fingerprint sha256:HEX is missing: it is shown beside the token');
  }
  const address = parseJoinAddress(url);
  const fingerprint = parseFingerprint(caFingerprint);
  const plain = parseJoinToken(token ?? readSecret(tokenPath ?? '-', 'the token'));
  return { target: { address, token: plain, caFingerprint: fingerprint }, inline: token !== undefined };
}

/** The address of this host from which packets to `host` would leave; nothing is sent. */
async function addressTowards(host: string, port: number): Promise<string | undefined> {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  try {
    const connected = once(socket, 'connect');
    socket.connect(port, host);
    await connected;
    return socket.address().address;
  } catch {
    return undefined;
  } finally {
    socket.close();
  }
}

/** Not set, or as `init-config` writes it; given by a flag, it is meant. */
const isLeftToUs = ({ config, origins }: LoadedConfig, path: string): boolean =>
  valueAt(config, path) === CONFIG_KEYS.get(path)?.default && !origins.get(path)?.startsWith('--');

/** Addresses on loopback, which a fresh node has by default, are of no use to a cluster on other hosts. */
async function ownAddresses(target: JoinTarget, loaded: LoadedConfig): Promise<ConfigFlag[]> {
  const { config, origins } = loaded;
  const remote = parseHostPort(target.address);
  const listen = parseHostPort(config.cluster.address);
  const advertised = parseHostPort(config.cluster.advertise);
  if (!remote || !listen || !advertised || isLoopback(remote.host) || !isLoopback(advertised.host)) return [];
  const unset = isLeftToUs(loaded, 'cluster.address') && origins.get('cluster.advertise') === 'derived';
  const host = unset ? await addressTowards(remote.host, remote.port) : undefined;
  if (host === undefined || isLoopback(host) || isUnspecified(host)) {
    throw new UsageError(
      `the cluster at ${target.address} cannot reach this node at ${config.cluster.advertise}; give an address of this host that it can: --set cluster.address=HOST:7000`,
    );
  }
  const flag = 'chosen by join';
  const flags = [{ key: 'cluster.address', value: formatHostPort({ host, port: listen.port }), flag }];
  const api = parseHostPort(config.api.address);
  if (api && isLeftToUs(loaded, 'api.address')) {
    flags.push({ key: 'api.address', value: formatHostPort({ host, port: api.port }), flag });
  }
  return flags;
}

function nodeFlags(options: JoinCliOptions): ConfigFlag[] {
  const flags: ConfigFlag[] = [];
  if (options.name !== undefined) flags.push({ key: 'node.name', value: options.name, flag: '--name' });
  if (options.id !== undefined) flags.push({ key: 'node.id', value: options.id, flag: '--id' });
  return flags;
}

function joinFlags(target: JoinTarget, tokenFile: string): ConfigFlag[] {
  const flag = 'join';
  return [
    { key: 'cluster.mode', value: 'join', flag },
    { key: 'cluster.join.url', value: `https://${target.address}`, flag },
    { key: 'cluster.join.ca_fingerprint', value: target.caFingerprint, flag },
    { key: 'cluster.join.token', value: '', flag },
    { key: 'cluster.join.token_path', value: tokenFile, flag },
  ];
}

/**
 * Settles everything that can be settled without touching anything.
 *
 * @throws UsageError, JoinStringError for the command line; ConfigError for what the configuration would become
 */
export async function planJoin(
  context: HostContext,
  argument: string | undefined,
  options: JoinCliOptions,
): Promise<JoinPlan> {
  const { target, inline } = parsedTarget(argument, options);
  const configFile = resolve(options.config ?? DEFAULT_CONFIG_FILE);
  const file = existsSync(configFile) ? configFile : undefined;
  const withDir = options.dataDir === undefined ? options : { ...options, dataDir: resolve(options.dataDir) };
  const lasting = [...flagsOf(withDir), ...nodeFlags(options)];
  const loadWith = (flags: readonly ConfigFlag[]): LoadedConfig =>
    loadConfig({ file, env: context.env, flags, host: hostFacts() });

  const first = loadWith([...lasting, ...joinFlags(target, '(not yet known)')]);
  const tokenFile = resolve(options.tokenDest ?? join(first.config.data_dir, 'join-token'));
  const addresses = await ownAddresses(target, first);
  const flags = [...lasting, ...addresses, ...joinFlags(target, tokenFile)];
  const { config } = loadWith(flags);
  const changes: Record<string, unknown> = Object.fromEntries(fromFlags(flags).values);
  // The token lies in a file of its own: never in the configuration.
  changes['cluster.join.token'] = undefined;
  return {
    target,
    configFile,
    config,
    changes,
    tokenFile,
    notes: addresses.map(({ key, value }) => `${key} becomes ${value}, the address towards the cluster`),
    warnings: inline
      ? [
          'the token stands in this command line, which every user of this host can read in the process table; ' +
            '"quorated join -" reads the join string from standard input, --token-path FILE the token from a file',
        ]
      : [],
  };
}

function parsedTarget(argument: string | undefined, options: JoinCliOptions): ReturnType<typeof targetOf> {
  try {
    return targetOf(argument, options);
  } catch (error) {
    if (error instanceof JoinStringError) throw new UsageError(error.message);
    throw error;
  }
}
