import { nearest } from './nearest';

/** What is used of commander's Command; this package does not depend on it. */
interface CommandTree {
  readonly args: readonly string[];
  readonly commands: readonly CommandTree[];
  name(): string;
  addHelpText(position: 'before', text: (context: { command: CommandTree }) => string): unknown;
  error(message: string, options: { exitCode: number; code: string }): never;
}

/** Makes `program unknown --help` an error with a suggestion, where commander shows the help of `program` and succeeds. */
export function refuseHelpOfUnknownCommands(command: CommandTree): void {
  if (command.commands.length === 0) return;
  command.addHelpText('before', ({ command: asked }) => {
    const names = asked.commands.map((child) => child.name());
    const [word] = asked.args;
    if (word === undefined || word.startsWith('-') || names.length === 0 || names.includes(word)) return '';
    const near = nearest(word, names);
    const hint = near ? `\n(Did you mean ${near}?)` : '';
    return asked.error(`error: unknown command '${word}'${hint}`, { exitCode: 2, code: 'commander.unknownCommand' });
  });
  for (const child of command.commands) refuseHelpOfUnknownCommands(child);
}
