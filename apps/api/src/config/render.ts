import { stringify } from 'yaml';
import type { Config } from './derive';
import { CONFIG_KEYS, CONFIG_SECTIONS, type ConfigKey, envName, fileForm, valueAt } from './keys';

const REDACTED = '[redacted]';
const WIDTH = 100;

const depthOf = (path: string): number => path.split('.').length - 1;
const indentOf = (path: string): string => '  '.repeat(depthOf(path));
const nameOf = (path: string): string => path.slice(path.lastIndexOf('.') + 1);
const scalar = (value: unknown): string => stringify(value, { collectionStyle: 'flow', lineWidth: 0 }).trimEnd();

/** Hides the password of a URL such as `wss://user:secret@host`. */
const withoutUserinfo = (value: unknown): unknown =>
  typeof value === 'string' ? value.replace(/^(\w+:\/\/)[^/@\s]*@/, `$1${REDACTED}@`) : value;

/** A key's value as a file would write it, with secrets redacted. */
export function shownValue(key: ConfigKey, config: Config): unknown {
  const value = fileForm(key.kind, valueAt(config, key.path));
  return key.secret && value !== '' ? REDACTED : withoutUserinfo(value);
}

/** Calls `section` and `key` in the order of a file: a section's head before its keys. */
function walkKeys(section: (path: string) => void, visit: (key: ConfigKey) => void): void {
  const opened = new Set<string>();
  for (const key of CONFIG_KEYS.values()) {
    const names = key.path.split('.');
    for (let depth = 1; depth < names.length; depth++) {
      const path = names.slice(0, depth).join('.');
      if (opened.has(path)) continue;
      opened.add(path);
      section(path);
    }
    visit(key);
  }
}

/** `quorated config view`: the effective configuration as YAML, with `origins` as a comment behind each value. */
export function renderConfig(config: Config, origins?: ReadonlyMap<string, string>): string {
  const rows: { text: string; origin: string }[] = [];
  walkKeys(
    (path) => rows.push({ text: `${indentOf(path)}${nameOf(path)}:`, origin: '' }),
    (key) =>
      rows.push({
        text: `${indentOf(key.path)}${nameOf(key.path)}: ${scalar(shownValue(key, config))}`,
        origin: origins?.get(key.path) ?? '',
      }),
  );
  const column = Math.min(48, Math.max(...rows.map((row) => row.text.length)));
  return `${rows.map(({ text, origin }) => (origin ? `${text.padEnd(column)}  # ${origin}` : text)).join('\n')}\n`;
}

/** Breaks text into comment lines. */
function commentLines(text: string, indent: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length + 1 <= WIDTH) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(`${indent}# ${word}`);
  }
  return lines;
}

/** What may stand in a key, for comments and docs: choices, range and derived default. */
export function describeKey(key: ConfigKey): string {
  return key.derived && key.default === '' ? `${key.description} Empty: ${key.derived}.` : key.description;
}

/** `quorated init-config`: every key with its default and what it means. */
export function renderInitConfig(): string {
  const lines = [
    '# Configuration of a Quorate node. Every key is optional; the values below are the defaults.',
    '# Flags (--set api.address=...) and variables (QUORATE_API__ADDRESS) override this file.',
  ];
  walkKeys(
    (path) => {
      if (depthOf(path) === 0) lines.push('');
      lines.push(...commentLines(CONFIG_SECTIONS.get(path)?.description ?? '', indentOf(path)));
      lines.push(`${indentOf(path)}${nameOf(path)}:`);
    },
    (key) => {
      if (depthOf(key.path) === 0) lines.push('');
      lines.push(...commentLines(describeKey(key), indentOf(key.path)));
      lines.push(`${indentOf(key.path)}${nameOf(key.path)}: ${scalar(key.default)}`);
    },
  );
  return `${lines.join('\n')}\n`;
}

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll(/<(?=\w)/g, '\\<');

function typeOf(key: ConfigKey): string {
  if (key.choices.length > 0) return key.choices.map((choice) => `\`${choice}\``).join(', ');
  if (key.kind === 'integer') return `${key.minimum} to ${key.maximum}`;
  if (key.kind === 'boolean') return '`true`, `false`';
  if (key.kind === 'list') return 'list';
  return key.kind === 'id' ? '`auto`, 1 to 63' : 'text';
}

/** docs/configuration.md. */
export function renderConfigDocs(): string {
  const lines = [
    '# Configuration',
    '',
    '<!-- Generated from apps/api/src/config/schema.ts by `npm run docs`. Do not edit. -->',
    '',
    '`quorated serve --config FILE` reads YAML; the default is `/etc/quorate/quorate.yaml`. A value is taken from, in this',
    'order: flags (`--set key=value`), the environment, the file, the default. `quorated config view --origin` shows each',
    'value and where it came from; `quorated init-config FILE` writes a commented file.',
    '',
    'A variable is the key in capitals with two underscores for each dot: `QUORATE_API__ADDRESS`. With `_FILE` behind it',
    '(`QUORATE_CLUSTER__JOIN__TOKEN_FILE`) it names a file that holds the value. An empty variable counts as not set; lists',
    'are separated by commas. Durations are numbers with `ms`, `s`, `m` or `h`. An unknown key is an error that suggests the',
    'nearest one, and all problems are reported at once.',
  ];
  let table = '';
  walkKeys(
    (path) =>
      lines.push('', `${'#'.repeat(2 + depthOf(path))} ${path}`, '', CONFIG_SECTIONS.get(path)?.description ?? ''),
    (key) => {
      const parent = key.path.slice(0, Math.max(0, key.path.lastIndexOf('.')));
      if (parent === '') lines.push('', `## ${key.path}`);
      if (parent === '' || parent !== table)
        lines.push('', '| key | values | default | meaning |', '| --- | --- | --- | --- |');
      table = parent || key.path;
      const fallback = key.derived && key.default === '' ? key.derived : `\`${scalar(key.default)}\``;
      lines.push(
        `| \`${key.path}\`<br>\`${envName(key.path)}\` | ${typeOf(key)} | ${cell(fallback)} | ${cell(key.description)} |`,
      );
    },
  );
  return `${lines.join('\n')}\n`;
}
