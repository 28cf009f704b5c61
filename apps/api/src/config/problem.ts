import { nearest } from '@quorate/shared/nearest';
import { CONFIG_KEYS, CONFIG_SECTIONS, type ConfigKey } from './keys';
import { parseDuration } from './values';

/** One thing that is wrong: where it was set, what is wrong, and what to write instead. */
export interface ConfigProblem {
  /** Dotted key, or '' when it is about a whole file. */
  readonly key: string;
  /** `quorate.yaml:3:12`, an environment variable, a flag, or `default`. */
  readonly origin: string;
  readonly message: string;
}

const lineOf = ({ key, origin, message }: ConfigProblem): string =>
  `  - ${[origin === 'default' ? '' : origin, key].filter((part) => part !== '').join(': ')}: ${message}`;

/** Every problem of a configuration at once; the message is ready to print. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  constructor(readonly problems: readonly ConfigProblem[]) {
    const count = problems.length === 1 ? 'a problem' : `${problems.length} problems`;
    super([`The configuration has ${count}:`, ...problems.map(lineOf)].join('\n'));
  }
}

const lastName = (path: string): string => path.slice(path.lastIndexOf('.') + 1);
const parentOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('.')));

/** `; did you mean …?` for a key that does not exist: a sibling, the same name elsewhere, or the nearest path. */
export function suggestKey(path: string, show: (known: string) => string = (known) => known): string {
  const known = [...CONFIG_SECTIONS.keys(), ...CONFIG_KEYS.keys()];
  const siblings = known.filter((candidate) => parentOf(candidate) === parentOf(path));
  const sibling = nearest(lastName(path), siblings.map(lastName));
  if (sibling) return `; did you mean ${show(siblings.find((candidate) => lastName(candidate) === sibling) ?? '')}?`;
  const elsewhere = known.filter((candidate) => lastName(candidate) === lastName(path));
  if (elsewhere.length > 0) return `; did you mean ${elsewhere.map(show).join(' or ')}?`;
  const close = nearest(path, known);
  if (close) return `; did you mean ${show(close)}?`;
  return parentOf(path) === '' ? '' : `; ${parentOf(path)} has ${siblings.map(lastName).join(', ')}`;
}

/** What a key takes, in words. */
export function expectation(key: ConfigKey): string {
  if (key.choices.length > 0) return `expected one of ${key.choices.join(', ')}`;
  if (key.kind === 'boolean') return 'expected true or false';
  if (key.kind === 'list') return 'expected a list';
  if (key.kind === 'integer') {
    return key.minimum !== undefined && key.maximum !== undefined
      ? `expected a whole number from ${key.minimum} to ${key.maximum}`
      : 'expected a whole number';
  }
  if (key.kind === 'id') return 'expected auto or a whole number from 1 to 63';
  if (parseDuration(String(key.default)) !== undefined) return `expected a duration, such as ${key.default}`;
  return 'expected text';
}
