import { refuseHelpOfUnknownCommands } from '@quorate/shared/unknown-command';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { DEFAULT_CONFIG_FILE } from '../config/load';
import { renderConfig } from '../config/render';
import { serve } from '../serve';
import { type ConfigOptions, configFileOf, type HostContext, load, withConfigOptions } from './config-options';
import { type DoctorOptions, runDoctor } from './doctor/doctor';
import { runInitConfig } from './init-config';
import { runJoin } from './join';
import type { JoinCliOptions } from './join-plan';
import { printCertificate, printFingerprint } from './pki-command';
import { initPki, issuePki } from './pki-make';
import { type RecoverOptions, runRecover } from './recover';
import { type RunnerCliOptions, runRunner } from './runner';
import { exitCodeOf, explainFailure } from './start-errors';

/** Runs one command line. @returns 0 ok, 1 error, 2 wrong call or configuration; never throws */
export async function runProgram(argv: readonly string[], context: HostContext): Promise<number> {
  let code = 0;
  const program = new Command('quorated')
    .description('The Quorate daemon and its host-local commands')
    .version(context.version)
    .showSuggestionAfterError()
    .exitOverride();
  registerServe(program, context, (result) => {
    code = result;
  });
  registerJoin(program, context, (result) => {
    code = result;
  });
  registerRunner(program, context, (result) => {
    code = result;
  });
  registerConfig(program, context);
  registerDoctor(program, context, (result) => {
    code = result;
  });
  registerPki(program, context);
  registerRecover(program, context, (result) => {
    code = result;
  });
  refuseHelpOfUnknownCommands(program);
  try {
    await program.parseAsync(argv);
    return code;
  } catch (error) {
    // commander has printed its own message.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    process.stderr.write(`error: ${explainFailure(error)}\n`);
    return exitCodeOf(error);
  }
}

type Finish = (code: number) => void;

function registerServe(program: Command, context: HostContext, finish: Finish): void {
  withConfigOptions(program.command('serve').description('run this node')).action(async (options: ConfigOptions) => {
    finish(await serve({ ...context, loaded: load(context, options), tty: context.stderrTty }));
  });
}

function registerRunner(program: Command, context: HostContext, finish: Finish): void {
  program
    .command('runner')
    .description('run jobs and services here for a cluster; joins it first, when this host is no runner yet')
    .argument('[join-string]', 'HOST:PORT/TOKEN/FINGERPRINT of a token of kind runner')
    .option('--data-dir <dir>', 'where it keeps its key and what it runs', '/var/lib/quorate-runner')
    .option('--name <name>', 'its name (default: the host name)')
    .option('--label <key=value>', 'a label that work can ask for; may be repeated', collectText, [])
    .option('--capacity <n>', 'jobs and replicas that it runs at once (default: 10)', wholeNumber)
    .option('--user <name>', 'NAME or NAME:GROUP that jobs and services run as (default: as the runner does)', '')
    .option('--cluster-token <token>', 'cluster.token of the cluster', 'quorate')
    .action(async (joinString: string | undefined, options: RunnerCliOptions) => {
      finish(await runRunner(context, joinString, options));
    });
}

const collectText = (value: string, previous: string[]): string[] => [...previous, value];

function wholeNumber(text: string): number {
  if (/^[1-9]\d{0,2}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('expected a number from 1 to 999');
}

function registerJoin(program: Command, context: HostContext, finish: Finish): void {
  const join = program
    .command('join')
    .description('join a cluster: write the configuration, run this node, wait until it is a voter')
    .argument('[join-string]', 'HOST:PORT/TOKEN/FINGERPRINT as the token was minted; "-" reads it from standard input')
    .option('--url <url>', 'https://HOST:PORT, the cluster address of any member')
    .option('--token-path <file>', 'file with the join token; "-" reads it from standard input')
    .option('--token <token>', 'the join token itself: other users of this host see it in the process table')
    .option('--ca-fingerprint <fingerprint>', 'sha256:HEX of the cluster CA, shown beside the token')
    .option('--name <name>', 'node.name (default: the host name)')
    .option('--id <id>', 'node.id, 1 to 63 (default: the cluster chooses)')
    .option('--token-dest <file>', 'where the token lies until it is used (default: join-token in the data directory)')
    .option('--no-restart', 'only write the configuration and the token')
    .option('--foreground', 'run here, even where the systemd unit quorated exists')
    .option('--force', 'move the state that this host has aside and join as a new node; nothing is deleted');
  withConfigOptions(join)
    .addHelpText(
      'after',
      '\nKeys given by --data-dir and --set are written into the configuration file, too. Stopped before the CA was\n' +
        'stored, run it again; afterwards it resumes by the same key, without a further use of the token.',
    )
    .action(async (joinString: string | undefined, options: JoinCliOptions) => {
      finish(await runJoin(context, joinString, options));
    });
}

function registerConfig(program: Command, context: HostContext): void {
  program
    .command('init-config')
    .description('write a configuration file with every key, its default and what it means')
    .argument('[file]', 'file to write; "-" prints it', DEFAULT_CONFIG_FILE)
    .option('--force', 'replace an existing file')
    .action((file: string, { force }: { force?: boolean }) => runInitConfig(file, force === true));
  const config = program.command('config').description('look at the configuration');
  withConfigOptions(config.command('view').description('print the configuration in force, secrets redacted'))
    .option('--origin', 'say where each value came from')
    .action((options: ConfigOptions & { origin?: boolean }) => {
      const { config: loaded, origins, warnings } = load(context, options);
      process.stdout.write(`# ${configFileOf(options) ?? 'no file'}\n`);
      process.stdout.write(renderConfig(loaded, options.origin ? origins : undefined));
      for (const warning of warnings) process.stderr.write(`warning: ${warning}\n`);
    });
}

function registerDoctor(program: Command, context: HostContext, finish: Finish): void {
  withConfigOptions(program.command('doctor').description('check this node and its surroundings; changes nothing'))
    .addOption(new Option('-o, --output <format>', 'how to print').choices(['text', 'json']).default('text'))
    .action(async (options: DoctorOptions) => {
      finish(await runDoctor(context, options));
    });
}

const collect = (value: string, previous: string[]): string[] => [...previous, value];

function registerPki(program: Command, context: HostContext): void {
  const pki = program.command('pki').description("look at certificates, and make an operator's own");
  pki
    .command('init')
    .description('make a CA of your own: ca.crt and ca.key; keep the key off the nodes')
    .argument('<dir>', 'folder to write to')
    .option('--name <name>', 'common name of the CA', 'quorate-ca')
    .action(initPki);
  pki
    .command('issue')
    .description('make the key and the certificate of a node with the CA in a folder: node-<id>.key, node-<id>.crt')
    .argument('<dir>', 'folder with ca.crt and ca.key')
    .requiredOption('--id <id>', 'node id, 1 to 63')
    .requiredOption('--host <host>', 'IP address or name that others dial; may be repeated', collect, [])
    .option('--prefix <prefix>', 'what stands before -node-<id> in the common name', 'quorate')
    .option('--days <days>', 'how long it is valid', '365')
    .option('--force', 'replace files that exist')
    .action(issuePki);
  withConfigOptions(pki.command('fingerprint').description('print the sha256 fingerprint of a certificate'))
    .argument('[file]', "PEM file (default: this node's cluster CA)")
    .action((file: string | undefined, options: ConfigOptions) => printFingerprint(file, () => load(context, options)));
  pki
    .command('inspect')
    .description('print what a certificate says')
    .argument('<file>', 'PEM file')
    .action((file: string) => printCertificate(file));
}

function registerRecover(program: Command, context: HostContext, finish: Finish): void {
  const recover = program
    .command('recover')
    .description('the quorum is lost for good: make this node a cluster of one from the best of what is left')
    .addOption(
      new Option('--from <path>', 'data directory or state file of another survivor; may be repeated')
        .argParser(collect)
        .default([]),
    )
    .option('--use <path>', 'the survivor to go on from (default: the most advanced)')
    .option('--dry-run', 'only say what would be done and what could be lost')
    .option('--yes', 'do not ask')
    .option('--force', 'although other members still answer');
  withConfigOptions(recover)
    .addOption(new Option('-o, --output <format>', 'how to print').choices(['text', 'json']).default('text'))
    .action(async (options: RecoverOptions) => {
      finish(await runRecover(context, options));
    });
}
