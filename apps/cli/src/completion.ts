import type { Command, Option } from 'commander';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** Where the words for a value come from: fixed choices, the file system, the stored contexts, or nowhere. */
type Values = readonly string[] | 'file' | 'context' | 'none';

interface Flag {
  readonly names: readonly string[];
  readonly description: string;
  readonly takesValue: boolean;
  readonly values: Values;
}

interface Word {
  readonly name: string;
  readonly description: string;
}

/** One command of the tree: `path` is `quorate token create`. */
interface Node {
  readonly path: string;
  readonly words: readonly Word[];
  readonly flags: readonly Flag[];
  readonly argument: Values;
}

const CONTEXT_WORDS = 'quorate context list -o name 2>/dev/null';

const valuesNamed = (placeholder: string): Values => (placeholder === 'file' ? 'file' : 'none');

function flagOf(option: Option): Flag {
  const placeholder = /[<[](\w+)/.exec(option.flags)?.[1] ?? '';
  const values = option.argChoices ?? (option.long === '--context' ? 'context' : valuesNamed(placeholder));
  const names = [option.short, option.long].filter((name): name is string => name !== undefined && name !== null);
  return { names, description: option.description, takesValue: option.required || option.optional, values };
}

function argumentOf(command: Command, path: string): Values {
  const first = command.registeredArguments[0];
  if (!first) return 'none';
  if (first.argChoices) return first.argChoices;
  return path.startsWith('quorate context ') ? 'context' : valuesNamed(first.name());
}

/** Commander's tree as a flat list; global flags are offered everywhere. */
function nodesOf(program: Command): Node[] {
  const globals = program.createHelp().visibleOptions(program).map(flagOf);
  const nodes: Node[] = [];
  const visit = (command: Command, path: string): void => {
    const help = command.createHelp();
    const children = help.visibleCommands(command);
    const own = command === program ? [] : help.visibleOptions(command).map(flagOf);
    const known = new Set(own.flatMap((flag) => flag.names));
    nodes.push({
      path,
      words: children.map((child) => ({ name: child.name(), description: child.description() })),
      flags: [...own, ...globals.filter((flag) => !flag.names.some((name) => known.has(name)))],
      argument: argumentOf(command, path),
    });
    for (const child of children) visit(child, `${path} ${child.name()}`);
  };
  visit(program, 'quorate');
  return nodes;
}

const valuedFlags = (nodes: readonly Node[]): string[] => [
  ...new Set(nodes.flatMap((node) => node.flags.filter((flag) => flag.takesValue).flatMap((flag) => flag.names))),
];

/** `command|value flag` pairs with the words to offer; a flag of every command is listed once under `*`. */
function flagCases(nodes: readonly Node[], words: (values: Values) => string): string[] {
  const cases = new Map<string, string>();
  for (const node of nodes) {
    for (const flag of node.flags.filter((item) => item.takesValue)) {
      const pattern = flag.names.map((name) => `"${node.path} ${name}"`).join('|');
      cases.set(pattern, words(flag.values));
    }
  }
  return [...cases].map(([pattern, reply]) => `    ${pattern}) ${reply}; return ;;`);
}

function bash(nodes: readonly Node[]): string {
  const reply = (values: Values): string => {
    if (values === 'file') return 'compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$cur"))';
    if (values === 'context') return `COMPREPLY=($(compgen -W "$(${CONTEXT_WORDS})" -- "$cur"))`;
    return values === 'none' ? 'COMPREPLY=()' : `COMPREPLY=($(compgen -W "${values.join(' ')}" -- "$cur"))`;
  };
  const offers = nodes.map(({ path, words, flags, argument }) => {
    const names = words.length > 0 ? words.map((word) => word.name).join(' ') : '';
    const positional = names ? reply(names.split(' ')) : reply(argument);
    const flagNames = flags.flatMap((flag) => flag.names).join(' ');
    return `    "${path}") if [[ $cur == -* ]]; then COMPREPLY=($(compgen -W "${flagNames}" -- "$cur")); else ${positional}; fi ;;`;
  });
  return `# bash completion for quorate
_quorate() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} path=quorate i word
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    case $word in
      ${valuedFlags(nodes).join('|')}) ((i++)) ;;
      -*) ;;
      *) case "$path $word" in ${nodes
        .slice(1)
        .map((node) => `"${node.path}"`)
        .join('|')}) path="$path $word" ;; esac ;;
    esac
  done
  case "$path $prev" in
${flagCases(nodes, reply).join('\n')}
  esac
  case $path in
${offers.join('\n')}
  esac
}
complete -F _quorate quorate
`;
}

/** Single-quoted for zsh and fish alike (fish needs the backslash doubled; none is used in descriptions). */
const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

function zsh(nodes: readonly Node[]): string {
  const reply = (values: Values): string => {
    if (values === 'file') return '_files';
    if (values === 'context') return `compadd -- \${(f)"$(${CONTEXT_WORDS})"}`;
    return values === 'none' ? ':' : `compadd -- ${values.join(' ')}`;
  };
  const described = (word: string, description: string): string =>
    quote(`${word.replaceAll(':', '\\:')}:${description}`);
  const offers = nodes.map(({ path, words, flags, argument }) => {
    const flagItems = flags.flatMap((flag) => flag.names.map((name) => described(name, flag.description)));
    const wordItems = words.map((word) => described(word.name, word.description));
    const positional =
      wordItems.length > 0 ? `offer=(${wordItems.join(' ')}); _describe command offer` : reply(argument);
    return `    "${path}") if [[ $cur == -* ]]; then offer=(${flagItems.join(' ')}); _describe option offer; else ${positional}; fi ;;`;
  });
  return `#compdef quorate
_quorate() {
  local cur=\${words[CURRENT]} prev=\${words[CURRENT-1]} path_so_far=quorate word
  local -i i
  local -a offer
  for ((i = 2; i < CURRENT; i++)); do
    word=\${words[i]}
    case $word in
      ${valuedFlags(nodes).join('|')}) ((i++)) ;;
      -*) ;;
      *) case "$path_so_far $word" in ${nodes
        .slice(1)
        .map((node) => `"${node.path}"`)
        .join('|')}) path_so_far="$path_so_far $word" ;; esac ;;
    esac
  done
  case "$path_so_far $prev" in
${flagCases(nodes, reply).join('\n')}
  esac
  case $path_so_far in
${offers.join('\n')}
  esac
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _quorate "$@"; else compdef _quorate quorate; fi
`;
}

function fish(nodes: readonly Node[]): string {
  const lines = nodes.flatMap(({ path, words, flags, argument }) => {
    const at = `-n ${quote(`test (__quorate_path) = "${path}"`)}`;
    const source = (values: Values): string => {
      if (values === 'file') return ' -r -F';
      if (values === 'context') return ` -x -a ${quote(`(${CONTEXT_WORDS})`)}`;
      return values === 'none' ? ' -x' : ` -x -a ${quote(values.join(' '))}`;
    };
    const flagLines = flags.map((flag) => {
      const names = flag.names.map((name) => (name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`));
      return `complete -c quorate ${at} ${names.join(' ')}${flag.takesValue ? source(flag.values) : ''} -d ${quote(flag.description)}`;
    });
    const wordLines = words.map((word) => `complete -c quorate ${at} -f -a ${word.name} -d ${quote(word.description)}`);
    if (words.length > 0) return [...wordLines, ...flagLines];
    if (argument === 'none') return [`complete -c quorate ${at} -f`, ...flagLines];
    const positional = argument === 'file' ? ' -F' : source(argument).replace(' -x', ' -f');
    return [`complete -c quorate ${at}${positional}`, ...flagLines];
  });
  return `# fish completion for quorate
function __quorate_path
  set -l path quorate
  set -l skip 0
  for word in (commandline -opc)[2..]
    if test $skip = 1
      set skip 0
      continue
    end
    switch $word
      case ${valuedFlags(nodes).join(' ')}
        set skip 1
      case '-*'
      case '*'
        switch "$path $word"
          case ${nodes
            .slice(1)
            .map((node) => quote(node.path))
            .join(' ')}
            set path "$path $word"
        end
    end
  end
  echo $path
end
${lines.join('\n')}
`;
}

/** The completion script of a shell for the whole command tree. */
export function completionScript(program: Command, shell: Shell): string {
  const nodes = nodesOf(program);
  switch (shell) {
    case 'bash':
      return bash(nodes);
    case 'zsh':
      return zsh(nodes);
    case 'fish':
      return fish(nodes);
  }
}
