import { readFileSync, statSync } from 'node:fs';
import { nearest } from '@quorate/shared/nearest';
import type { z } from 'zod';
import { type Config, deriveConfig, type HostFacts } from './derive';
import { CONFIG_KEYS, CONFIG_SECTIONS, valueAt } from './keys';
import { ConfigError, type ConfigProblem, expectation } from './problem';
import { brokenRules, configWarnings } from './rules';
import { configSchema, type RawConfig } from './schema';
import { type ConfigFlag, fromEnv, fromFlags, fromYaml, type SourceValues } from './sources';

export const DEFAULT_CONFIG_FILE = '/etc/quorate/quorate.yaml';
const MAX_FILE_BYTES = 1024 * 1024;

export interface LoadOptions {
  /** A file that must exist; leave it out to run on the other sources. */
  readonly file?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly flags: readonly ConfigFlag[];
  readonly host: HostFacts;
}

export interface LoadedConfig {
  readonly config: Config;
  /** Per dotted key: `file:line:column`, a variable, a flag, `default` or `derived`. */
  readonly origins: ReadonlyMap<string, string>;
  readonly warnings: readonly string[];
}

/**
 * Merges flags > environment > file > defaults and validates the result.
 * @throws ConfigError that lists every problem with its origin and the cure
 */
export function loadConfig(options: LoadOptions): LoadedConfig {
  // Weakest first: later sources overwrite.
  const sources = [
    options.file === undefined ? undefined : readYamlFile(options.file),
    fromEnv(options.env, readText),
    fromFlags(options.flags),
  ].filter((source) => source !== undefined);
  const problems = sources.flatMap((source) => source.problems);
  const { tree, origins } = merge(sources);

  const raw = validate(tree, origins, problems);
  const { config, derived, problems: missing } = deriveConfig(raw, options.host);
  for (const { key, message } of missing) problems.push({ key, origin: originOf(origins, key), message });
  if (problems.length > 0) throw new ConfigError(problems);

  const shown = new Map([...CONFIG_KEYS.keys()].map((path) => [path, origins.get(path) ?? 'default']));
  for (const path of derived) shown.set(path, 'derived');
  return { config, origins: shown, warnings: configWarnings(raw) };
}

function readText(path: string): string {
  if (statSync(path).size > MAX_FILE_BYTES) throw new Error(`${path} is larger than ${MAX_FILE_BYTES} bytes`);
  return readFileSync(path, 'utf8');
}

function readYamlFile(path: string): SourceValues {
  try {
    return fromYaml(readText(path), path);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const message = `the file cannot be read: ${why}; write one with "quorated init-config ${path}"`;
    return { values: new Map(), origins: new Map(), problems: [{ key: '', origin: path, message }] };
  }
}

type Tree = Record<string, unknown>;

function setAt(tree: Tree, path: string, value: unknown): void {
  const names = path.split('.');
  const last = names.pop() ?? '';
  let at = tree;
  for (const name of names) {
    at[name] ??= {};
    at = at[name] as Tree;
  }
  if (value === undefined) delete at[last];
  else at[last] = value;
}

function merge(sources: readonly SourceValues[]): { tree: Tree; origins: Map<string, string> } {
  const tree: Tree = {};
  const origins = new Map<string, string>();
  for (const source of sources) {
    for (const [path, value] of source.values) {
      for (const known of [...origins.keys()]) if (known.startsWith(`${path}.`)) origins.delete(known);
      setAt(tree, path, value);
    }
    for (const [path, origin] of source.origins) origins.set(path, origin);
  }
  return { tree, origins };
}

/** The origin of a key, or of the nearest thing above it that was set. */
function originOf(origins: ReadonlyMap<string, string>, path: string): string {
  for (let at = path; at !== ''; at = at.slice(0, Math.max(0, at.lastIndexOf('.')))) {
    const origin = origins.get(at);
    if (origin) return origin;
  }
  return 'default';
}

/**
 * Validates each key, then the rules over several keys, so that one run reports everything. Keys that are malformed
 * fall back to their defaults for the rules, and rules that read such a key keep quiet.
 */
function validate(tree: Tree, origins: ReadonlyMap<string, string>, problems: ConfigProblem[]): RawConfig {
  const parsed = configSchema.safeParse(tree);
  const malformed = new Set<string>();
  for (const issue of parsed.error?.issues ?? []) {
    const path = issue.path.join('.');
    const key = keyHolding(path);
    malformed.add(key);
    problems.push({ key: path, origin: originOf(origins, path), message: describe(issue, key, valueAt(tree, path)) });
  }
  // A key or section that a source could not even read is as good as malformed.
  for (const { key } of problems) if (CONFIG_KEYS.has(key) || CONFIG_SECTIONS.has(key)) malformed.add(key);
  const isMalformed = (path: string): boolean =>
    [...malformed].some((bad) => path === bad || path.startsWith(`${bad}.`));
  for (const key of malformed) if (CONFIG_KEYS.has(key)) setAt(tree, key, undefined);
  const config = parsed.data ?? configSchema.parse(tree);
  for (const { key, uses, message } of brokenRules(config)) {
    if (![key, ...uses].some(isMalformed)) problems.push({ key, origin: originOf(origins, key), message });
  }
  return config;
}

/** The key that an issue's path lies in: `cluster.peers.1` → `cluster.peers`. */
function keyHolding(path: string): string {
  for (let at = path; at !== ''; at = at.slice(0, Math.max(0, at.lastIndexOf('.')))) if (CONFIG_KEYS.has(at)) return at;
  return path;
}

function describe(issue: z.core.$ZodIssue, path: string, value: unknown): string {
  const key = CONFIG_KEYS.get(path);
  // The schema's own words where it has some; what the key takes where zod would speak of its types.
  const generic = key && ['invalid_type', 'invalid_value', 'too_small', 'too_big'].includes(issue.code);
  const isNumeric =
    key?.kind === 'integer' || key?.kind === 'id' || issue.code === 'invalid_type' || issue.code === 'invalid_value';
  const what = generic && isNumeric && !Array.isArray(value) ? expectation(key) : issue.message;
  if (key?.secret) return what;
  const meant = key && typeof value === 'string' ? nearest(value, key.choices) : undefined;
  return `${what}, got ${JSON.stringify(value)}${meant ? `; did you mean ${meant}?` : ''}`;
}
