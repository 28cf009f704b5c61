import { nearest } from '@quorate/shared/nearest';
import { refuseHelpOfUnknownCommands } from '@quorate/shared/unknown-command';
import { Command } from 'commander';
import { version } from '../package.json';
import { CliError } from './cli-error';
import { registerAgent } from './commands/agent';
import { registerAlarm } from './commands/alarm';
import { registerApiToken } from './commands/api-token';
import { registerAudit } from './commands/audit';
import { registerBackup } from './commands/backup';
import { registerCluster } from './commands/cluster';
import { registerCommand } from './commands/command';
import { registerCompletion } from './commands/completion';
import { registerConnector } from './commands/connector';
import { registerContext } from './commands/context';
import { registerEvent } from './commands/event';
import { registerHa } from './commands/ha';
import { registerHaproxy } from './commands/haproxy';
import { registerJob } from './commands/job';
import { registerJoin } from './commands/join';
import { registerLogin } from './commands/login';
import { registerRunner } from './commands/runner';
import { registerScale, registerService } from './commands/service';
import { registerSettings } from './commands/settings';
import { registerSetup } from './commands/setup';
import { addSnapshotCommands } from './commands/snapshot';
import { registerStatus } from './commands/status';
import { registerSupport } from './commands/support';
import { registerToken } from './commands/token';
import { registerUser } from './commands/user';
import { registerWebhook } from './commands/webhook';
import type { Exit } from './exit-codes';
import { addGlobalOptions, type Globals } from './globals';
import { openInvocation } from './invocation';
import type { Io } from './io';
import type { Register, Run } from './register';

/** Every noun, in the order of the help. A new one is a file under commands/ and a line here. */
const NOUNS: readonly Register[] = [
  registerSetup,
  registerLogin,
  registerContext,
  registerStatus,
  registerCluster,
  registerToken,
  registerJoin,
  registerHaproxy,
  registerRunner,
  registerEvent,
  registerAlarm,
  registerAudit,
  registerWebhook,
  registerUser,
  registerApiToken,
  registerSettings,
  registerService,
  registerScale,
  registerHa,
  registerConnector,
  registerSupport,
  registerJob,
  registerBackup,
  addSnapshotCommands,
  registerCommand,
  registerCompletion,
];

/** `quorate help token create` at any depth, which commander's own help command does not reach. */
function addHelp(program: Command): void {
  program
    .command('help')
    .description('Show how a command is used')
    .argument('[command...]')
    .action((names: string[]) => {
      let command = program;
      for (const name of names) {
        const next = command.commands.find((child) => child.name() === name);
        if (!next) {
          const suggestion = nearest(
            name,
            command.commands.map((child) => child.name()),
          );
          const hint = suggestion ? `did you mean ${suggestion}?` : `see: ${command.name()} --help`;
          throw new CliError('usage', `there is no command '${names.join(' ')}'`, { hint });
        }
        command = next;
      }
      command.outputHelp();
    });
}

/** One way to ask for help: commander would give each noun a `help` of its own. */
function withoutOwnHelp(command: Command): void {
  command.helpCommand(false);
  for (const child of command.commands) withoutOwnHelp(child);
}

/** The whole command tree. `onExit` gets the status of a command that ran to its end. */
export function buildProgram(io: Io, onExit: (exit: Exit | number) => void): Command {
  const program = new Command('quorate');
  program
    .description('Operate a Quorate cluster.')
    .version(version, '-V, --version', 'print the version')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      outputError: (text, write) => write(text.replace(/\n?\(Did you mean (.+)\?\)/, '\nhint: did you mean $1?')),
    })
    .helpCommand(false);
  addGlobalOptions(program);

  const runner = (local: boolean): Run => {
    return (handler) =>
      async (...args) => {
        const invocation = openInvocation(io, program.opts<Globals>(), { local });
        try {
          await handler(invocation, ...(args as never));
          onExit(invocation.exit);
        } finally {
          await invocation.close();
        }
      };
  };
  for (const register of NOUNS) register(program, runner(false));
  registerAgent(program, runner(true));
  addHelp(program);
  for (const noun of program.commands) withoutOwnHelp(noun);
  refuseHelpOfUnknownCommands(program);
  return program;
}
