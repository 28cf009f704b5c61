import { existsSync } from 'node:fs';
import { hostname, networkInterfaces } from 'node:os';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { HostFacts } from '../config/derive';
import { DEFAULT_CONFIG_FILE, type LoadedConfig, loadConfig } from '../config/load';
import type { ConfigFlag } from '../config/sources';
import { routableIpv4 } from '../lib/net';

/** What `main` knows of the process and its surroundings; handed in, since only `main` reads the environment. */
export interface HostContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly version: string;
  readonly migrationsDir: string;
  /** The exported console; undefined where none was built. */
  readonly webDir: string | undefined;
  /** Whether people read standard error, and standard output. */
  readonly stderrTty: boolean;
  readonly stdoutTty: boolean;
}

/** The options of every command that reads the configuration. */
export interface ConfigOptions {
  readonly config?: string;
  readonly dataDir?: string;
  readonly set: readonly string[];
}

function collectSet(value: string, previous: string[]): string[] {
  if (!/^[a-z_.]+=/.test(value)) {
    throw new InvalidArgumentError('expected key=value, such as api.address=127.0.0.1:8440');
  }
  return [...previous, value];
}

export function withConfigOptions(command: Command): Command {
  return command
    .addOption(new Option('--config <file>', `configuration file (default: ${DEFAULT_CONFIG_FILE} where it exists)`))
    .addOption(new Option('--data-dir <dir>', 'same as --set data_dir=<dir>'))
    .addOption(
      new Option('--set <key=value>', 'set a configuration key; may be repeated').argParser(collectSet).default([]),
    );
}

/** The flags of a command line as the configuration's strongest source. */
export function flagsOf(options: ConfigOptions): ConfigFlag[] {
  const flags = options.set.map((pair) => {
    const at = pair.indexOf('=');
    const key = pair.slice(0, at);
    return { key, value: pair.slice(at + 1), flag: `--set ${key}` };
  });
  return options.dataDir === undefined
    ? flags
    : [{ key: 'data_dir', value: options.dataDir, flag: '--data-dir' }, ...flags];
}

export const hostFacts = (): HostFacts => ({ hostname: hostname(), ipv4: routableIpv4(networkInterfaces()) });

/** The file that a command reads: the named one, else the default where it exists. */
export const configFileOf = (options: ConfigOptions): string | undefined =>
  options.config ?? (existsSync(DEFAULT_CONFIG_FILE) ? DEFAULT_CONFIG_FILE : undefined);

/** @throws ConfigError with every problem at once */
export function load(context: HostContext, options: ConfigOptions): LoadedConfig {
  return loadConfig({ file: configFileOf(options), env: context.env, flags: flagsOf(options), host: hostFacts() });
}
