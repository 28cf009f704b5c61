import type { Command, Option } from 'commander';
import type { Io } from './io';
import { buildProgram } from './program';

/** Building the tree reads and writes nothing. */
const NO_IO: Io = {
  env: {},
  cwd: '/',
  home: '/',
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  signal: new AbortController().signal,
};

const visibleCommands = (command: Command): Command[] => command.createHelp().visibleCommands(command);
const visibleOptions = (command: Command): Option[] => {
  const options = command.createHelp().visibleOptions(command);
  return options.filter((option) => !['--help', '--version'].includes(option.long ?? ''));
};
const cell = (text: string): string => text.replaceAll('|', '\\|');

function describe(option: Option): string {
  const choices = option.argChoices?.map((choice) => `\`${choice}\``).join(', ');
  const standard = option.defaultValueDescription ?? option.defaultValue;
  const more = [
    ...(choices ? [`one of ${choices}`] : []),
    ...(typeof standard === 'string' && standard !== '' ? [`default \`${standard}\``] : []),
  ];
  return more.length > 0 ? `${option.description} (${more.join('; ')})` : option.description;
}

function optionTable(options: readonly Option[]): string[] {
  if (options.length === 0) return [];
  const rows = options.map((option) => `| \`${cell(option.flags)}\` | ${cell(describe(option))} |`);
  return ['| option | does |', '| --- | --- |', ...rows, ''];
}

/** A command and those below it. */
function section(command: Command, path: string): string[] {
  const name = `${path} ${command.name()}`;
  const options = visibleOptions(command);
  const words = command.usage().replace(/\s*\[command\]/, '');
  const usage = options.length > 0 ? words : words.replace(/\[options\]\s*/, '');
  return [
    ...[`### \`${`${name} ${usage}`.trim()}\``, '', `${command.description()}.`, ''],
    ...optionTable(options),
    ...visibleCommands(command).flatMap((child) => section(child, name)),
  ];
}

/** A noun with commands is a heading, since it does nothing itself. */
function chapter(noun: Command): string[] {
  const commands = visibleCommands(noun);
  if (commands.length === 0) return section(noun, 'quorate');
  const sections = commands.flatMap((child) => section(child, `quorate ${noun.name()}`));
  return [`${noun.description()}.`, '', ...optionTable(visibleOptions(noun)), ...sections];
}

/** `docs/commands.md`: every command with its options, from the tree that also makes the help and the completion. */
export function commandReference(): string {
  const program = buildProgram(NO_IO, () => {});
  const nouns = visibleCommands(program).filter((command) => command.name() !== 'help');
  const lines = [
    '# Commands of `quorate`',
    '',
    '<!-- Written by "npm run docs" from the commands themselves: change those. -->',
    '',
    'The client speaks to any node over HTTPS after `quorate login`, or with `--server` and `--token-file`. On a node, root',
    "needs no login: `--socket` with the agent socket's path, or `quorate agent …`. The daemon's own commands are in",
    '`quorated --help`.',
    '',
    'Data goes to standard output, everything else to standard error. Destructive commands ask; without a terminal they need',
    '`--yes`. Exit status: 0 ok, 1 error, 2 wrong usage, 3 not signed in or not allowed, 4 not found, 5 conflict,',
    '6 no quorum or not reachable, 7 timeout.',
    '',
    '## Options of every command',
    '',
    ...optionTable(visibleOptions(program)),
    ...nouns.flatMap((noun) => [`## ${noun.name()}`, '', ...chapter(noun)]),
  ];
  return `${lines.join('\n').trimEnd()}\n`;
}
