import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, type Pair, parseDocument } from 'yaml';
import { CONFIG_KEYS, CONFIG_SECTIONS, ENV_PREFIX, envName } from './keys';
import { type ConfigProblem, expectation, suggestKey } from './problem';

/** What one source says: values by dotted key, and where each was said. */
export interface SourceValues {
  readonly values: Map<string, unknown>;
  /** By dotted key; items of a list also as `key.0`. */
  readonly origins: Map<string, string>;
  readonly problems: ConfigProblem[];
}

const emptySource = (): SourceValues => ({ values: new Map(), origins: new Map(), problems: [] });

/** Reads YAML text. `label` is the file's name as messages show it. */
export function fromYaml(text: string, label: string): SourceValues {
  const source = emptySource();
  const lines = new LineCounter();
  const doc = parseDocument(text, { lineCounter: lines, prettyErrors: false, merge: true });
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${label}:${line}:${col}`;
  };
  for (const error of doc.errors) source.problems.push({ key: '', origin: at(error.pos[0]), message: error.message });
  if (doc.errors.length > 0 || doc.contents === null) return source;

  const resolve = (node: unknown): unknown => (isAlias(node) ? node.resolve(doc) : node);
  const offsetOf = (node: unknown): number => (node as Node | null)?.range?.[0] ?? 0;

  function visitKey(path: string, pair: Pair): void {
    const node = resolve(pair.value);
    const origin = at(offsetOf(pair.value ?? pair.key));
    if (CONFIG_SECTIONS.has(path)) {
      if (isMap(node)) visitMap(node.items, path);
      else if (node !== null && !(isScalar(node) && node.value === null)) {
        source.problems.push({ key: path, origin, message: 'expected a section with keys below it' });
      }
    } else if (CONFIG_KEYS.has(path)) {
      const value: unknown = (node as Node | null)?.toJS(doc, { maxAliasCount: 100 });
      if (value === null || value === undefined) return; // "key:" with nothing after it: the default
      source.values.set(path, value);
      source.origins.set(path, origin);
      for (const [index, item] of isSeq(node) ? node.items.entries() : []) {
        source.origins.set(`${path}.${index}`, at(offsetOf(item)));
      }
    } else {
      source.problems.push({ key: path, origin: at(offsetOf(pair.key)), message: `unknown key${suggestKey(path)}` });
    }
  }
  function visitMap(items: readonly Pair[], prefix: string): void {
    for (const pair of items) {
      const name = isScalar(pair.key) ? String(pair.key.value) : String(pair.key);
      visitKey(prefix ? `${prefix}.${name}` : name, pair);
    }
  }

  const root = resolve(doc.contents);
  if (isMap(root)) visitMap(root.items, '');
  else if (!(isScalar(root) && root.value === null)) {
    source.problems.push({
      key: '',
      origin: at(0),
      message: 'expected keys and values, such as "data_dir: /srv/quorate"',
    });
  }
  return source;
}

const INVALID = Symbol('invalid');
const BOOLEANS: Record<string, boolean> = {
  true: true,
  yes: true,
  on: true,
  '1': true,
  false: false,
  no: false,
  off: false,
  '0': false,
};

/** Turns the text of a flag or a variable into the key's type; INVALID when it cannot be. */
function fromText(path: string, text: string): unknown {
  const key = CONFIG_KEYS.get(path);
  if (key?.kind === 'boolean') return BOOLEANS[text.trim().toLowerCase()] ?? INVALID;
  if (key?.kind === 'integer') return /^-?\d{1,15}$/.test(text.trim()) ? Number(text) : INVALID;
  if (key?.kind === 'id') return /^\d{1,15}$/.test(text.trim()) ? Number(text) : text.trim();
  if (key?.kind === 'list') {
    return text
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== '');
  }
  return text;
}

function setText(source: SourceValues, path: string, text: string, origin: string): void {
  const key = CONFIG_KEYS.get(path);
  const value = fromText(path, text);
  if (key && value === INVALID) {
    const got = key.secret ? '' : `, got ${JSON.stringify(text)}`;
    source.problems.push({ key: path, origin, message: `${expectation(key)}${got}` });
    return;
  }
  source.values.set(path, value);
  source.origins.set(path, origin);
}

export interface ConfigFlag {
  /** Dotted key, such as `api.address`. */
  readonly key: string;
  readonly value: string;
  /** The flag as the user typed it, for messages: `--data-dir`, `--set api.address`. */
  readonly flag: string;
}

/** Reads command-line flags; of a key given twice the last one counts. */
export function fromFlags(flags: readonly ConfigFlag[]): SourceValues {
  const source = emptySource();
  for (const { key, value, flag } of flags) {
    if (CONFIG_KEYS.has(key)) setText(source, key, value, flag);
    else {
      const message = CONFIG_SECTIONS.has(key)
        ? `${key} is a section; set one of its keys, such as ${[...CONFIG_KEYS.keys()].find((path) => path.startsWith(`${key}.`))}`
        : `unknown key${suggestKey(key)}`;
      source.problems.push({ key: key || '(empty)', origin: flag, message });
    }
  }
  return source;
}

/** The variables of the daemon and the client that are not keys of the configuration. */
const OTHER_VARIABLES = new Set(['CONFIG', 'CONTEXT', 'SOCKET', 'SERVER', 'CA', 'TOKEN', 'TOKEN_FILE']);
const BY_FLAT_NAME = new Map([...CONFIG_KEYS.keys()].map((path) => [path.replaceAll('.', '_').toUpperCase(), path]));

/**
 * Reads the environment: `QUORATE_API__ADDRESS`, or `QUORATE_…_FILE` naming a file that holds the value.
 * An empty variable counts as not set. `readText` reads a file and throws when it cannot.
 */
export function fromEnv(
  env: Readonly<Record<string, string | undefined>>,
  readText: (path: string) => string,
): SourceValues {
  const source = emptySource();
  for (const [name, text] of Object.entries(env).sort(([a], [b]) => a.localeCompare(b))) {
    if (!name.startsWith(ENV_PREFIX) || text === undefined || text === '') continue;
    const rest = name.slice(ENV_PREFIX.length);
    const path = rest.replaceAll('__', '.').toLowerCase();
    const target = path.endsWith('_file') ? path.slice(0, -'_file'.length) : '';
    if (CONFIG_KEYS.has(path)) setText(source, path, text, name);
    else if (CONFIG_KEYS.has(target)) readFileVariable(source, env, { name, target, file: text, readText });
    else reportUnknownVariable(source, name, rest, path);
  }
  return source;
}

function readFileVariable(
  source: SourceValues,
  env: Readonly<Record<string, string | undefined>>,
  variable: { name: string; target: string; file: string; readText: (path: string) => string },
): void {
  const { name, target, file } = variable;
  if (env[envName(target)]) {
    source.problems.push({ key: target, origin: name, message: `set either ${name} or ${envName(target)}, not both` });
    return;
  }
  try {
    setText(source, target, variable.readText(file).replace(/\r?\n$/, ''), name);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    source.problems.push({ key: target, origin: name, message: `the file cannot be read: ${why}` });
  }
}

/** A single underscore for a double one would be ignored in silence; other programs' variables are left alone. */
function reportUnknownVariable(source: SourceValues, name: string, rest: string, path: string): void {
  if (OTHER_VARIABLES.has(rest)) return;
  const flat = BY_FLAT_NAME.get(rest) ?? BY_FLAT_NAME.get(rest.replace(/_FILE$/, ''));
  const hint = flat ? `; did you mean ${envName(flat)}?` : suggestKey(path, envName);
  if (flat || rest.includes('__') || hint !== '') {
    source.problems.push({ key: '', origin: name, message: `no such key ${path}${hint}` });
  }
}
