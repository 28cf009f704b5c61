import { z } from 'zod';
import { configSchema } from './schema';
import { formatDuration } from './values';

/** `id` is text or a whole number (`node.id`). */
export type KeyKind = 'text' | 'integer' | 'boolean' | 'list' | 'id';

/** One key of the configuration, as the loader, `config view`, `init-config` and the docs need it. */
export interface ConfigKey {
  /** Dotted, such as `api.tls.mode`. */
  readonly path: string;
  readonly kind: KeyKind;
  readonly description: string;
  /** As written in a file. */
  readonly default: unknown;
  readonly choices: readonly string[];
  readonly minimum: number | undefined;
  readonly maximum: number | undefined;
  readonly secret: boolean;
  /** Where the value comes from when the key is empty, or ''. */
  readonly derived: string;
}

export interface ConfigSection {
  readonly path: string;
  readonly description: string;
}

const DEFAULTS = configSchema.parse({});

/** What is read of the JSON Schema. */
interface Node {
  type?: string;
  properties?: Record<string, Node>;
  anyOf?: Node[];
  enum?: unknown[];
  description?: string;
  minimum?: number;
  maximum?: number;
  secret?: boolean;
  derived?: string;
}

/** A value the way a file writes it: a text key whose value is a number is a duration. */
export function fileForm(kind: KeyKind, value: unknown): unknown {
  return kind === 'text' && typeof value === 'number' ? formatDuration(value) : value;
}

/** The value at a dotted path of a nested object. */
export function valueAt(tree: unknown, path: string): unknown {
  let at = tree;
  for (const name of path.split('.')) {
    if (typeof at !== 'object' || at === null) return undefined;
    at = (at as Record<string, unknown>)[name];
  }
  return at;
}

function kindOf(node: Node): KeyKind {
  if (node.type === 'array') return 'list';
  if (node.anyOf?.some((option) => option.type === 'integer')) return 'id';
  if (node.type === 'integer' || node.type === 'boolean') return node.type;
  return 'text';
}

function keyOf(path: string, node: Node): ConfigKey {
  const kind = kindOf(node);
  return {
    path,
    kind,
    description: node.description ?? '',
    default: fileForm(kind, valueAt(DEFAULTS, path)),
    choices: (node.enum ?? []).map(String),
    minimum: node.minimum,
    maximum: node.maximum,
    secret: node.secret ?? false,
    derived: node.derived ?? '',
  };
}

function collect(node: Node, prefix: string, keys: ConfigKey[], sections: ConfigSection[]): void {
  for (const [name, child] of Object.entries(node.properties ?? {})) {
    const path = prefix ? `${prefix}.${name}` : name;
    if (child.properties) {
      sections.push({ path, description: child.description ?? '' });
      collect(child, path, keys, sections);
    } else keys.push(keyOf(path, child));
  }
}

const keys: ConfigKey[] = [];
const sections: ConfigSection[] = [];
collect(z.toJSONSchema(configSchema, { io: 'input' }) as Node, '', keys, sections);

/** Every key, in the order of the schema. */
export const CONFIG_KEYS: ReadonlyMap<string, ConfigKey> = new Map(keys.map((key) => [key.path, key]));
export const CONFIG_SECTIONS: ReadonlyMap<string, ConfigSection> = new Map(sections.map((item) => [item.path, item]));

export const ENV_PREFIX = 'QUORATE_';
/** `api.tls.mode` → `QUORATE_API__TLS__MODE`. */
export const envName = (path: string): string => ENV_PREFIX + path.replaceAll('.', '__').toUpperCase();
