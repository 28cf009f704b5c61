import { existsSync } from 'node:fs';
import { hostname, networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import packageJson from '../package.json';
import { joinFromConfig } from './cluster/join/from-config';
import { DEFAULT_CONFIG_FILE, type LoadedConfig, loadConfig } from './config/load';
import { ConfigError } from './config/problem';
import { renderConfig } from './config/render';
import type { ConfigFlag } from './config/sources';
import { systemClock } from './lib/clock';
import { routableIpv4 } from './lib/net';
import { serve } from './serve';

// The only reader of process.env and process.argv.

interface GlobalOptions {
  config?: string;
  dataDir?: string;
  set: string[];
}

function collectSet(value: string, previous: string[]): string[] {
  if (!/^[a-z_.]+=/.test(value))
    throw new InvalidArgumentError('expected key=value, such as api.address=127.0.0.1:8440');
  return [...previous, value];
}

function flagsOf(options: GlobalOptions): ConfigFlag[] {
  const flags = options.set.map((pair) => {
    const at = pair.indexOf('=');
    const key = pair.slice(0, at);
    return { key, value: pair.slice(at + 1), flag: `--set ${key}` };
  });
  return options.dataDir === undefined
    ? flags
    : [{ key: 'data_dir', value: options.dataDir, flag: '--data-dir' }, ...flags];
}

function load(options: GlobalOptions): LoadedConfig {
  const file = options.config ?? (existsSync(DEFAULT_CONFIG_FILE) ? DEFAULT_CONFIG_FILE : undefined);
  const host = { hostname: hostname(), ipv4: routableIpv4(networkInterfaces()) };
  return loadConfig({ file, env: process.env, flags: flagsOf(options), host });
}

/** Folders beside the bundle in a checkout and in an installed package alike. */
function assets(): { migrationsDir: string; webDir: string | undefined } {
  const root = join(import.meta.dirname, '../../..');
  const webDir = join(root, 'apps/web/out');
  return { migrationsDir: join(root, 'drizzle'), webDir: existsSync(webDir) ? webDir : undefined };
}

function withConfigOptions(command: Command): Command {
  return command
    .addOption(new Option('--config <file>', `configuration file (default: ${DEFAULT_CONFIG_FILE} where it exists)`))
    .addOption(new Option('--data-dir <dir>', 'same as --set data_dir=<dir>'))
    .addOption(
      new Option('--set <key=value>', 'set a configuration key; may be repeated').argParser(collectSet).default([]),
    );
}

const program = new Command('quorated')
  .description('The Quorate daemon and its host-local commands')
  .version(packageJson.version)
  .showSuggestionAfterError()
  .exitOverride();

withConfigOptions(program.command('serve').description('run this node')).action(async (options: GlobalOptions) => {
  const loaded = load(options);
  const tty = process.stderr.isTTY === true;
  const code = await serve({
    loaded,
    version: packageJson.version,
    ...assets(),
    tty,
    join: (logger) => () =>
      joinFromConfig({ config: loaded.config, version: packageJson.version, clock: systemClock, logger }),
  });
  process.exit(code);
});

const config = program.command('config').description('look at the configuration');
withConfigOptions(config.command('view').description('print the configuration in force, secrets redacted'))
  .option('--origin', 'say where each value came from')
  .action((options: GlobalOptions & { origin?: boolean }) => {
    const { config: loaded, origins } = load(options);
    process.stdout.write(renderConfig(loaded, options.origin ? origins : undefined));
  });

try {
  await program.parseAsync();
} catch (error) {
  process.exit(exitCodeOf(error));
}

/** 2 for a wrong call or configuration, 1 for the rest; commander has printed its own message. */
function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
  return error instanceof ConfigError ? 2 : 1;
}
