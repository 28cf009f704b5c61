import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { editConfig } from './edit';
import { updateConfigFile, writeInitConfig } from './file';
import { CONFIG_KEYS } from './keys';
import { loadConfig } from './load';
import { renderConfigDocs } from './render';

const host = { hostname: 'alpha', ipv4: undefined };

test('keeps comments, order and other keys', () => {
  const text = `# our node
data_dir: /srv/q # on the fast disk

cluster:
  # grown by hand
  mode: single # for now
  peers: [ "10.0.0.1:7000" ]
`;
  const edited = editConfig(text, { 'cluster.mode': 'join', 'cluster.join.url': 'https://h:1', 'node.id': 3 });
  expect(edited).toBe(`# our node
data_dir: /srv/q # on the fast disk

cluster:
  # grown by hand
  mode: join # for now
  peers: [ "10.0.0.1:7000" ]
  join:
    url: https://h:1
node:
  id: 3
`);
  expect(editConfig(edited, { 'cluster.join.url': undefined })).not.toContain('https://h:1');
});

test.each(['', '# nothing yet\n', 'cluster:\n', '{}\n'])('starts from %j', (text) => {
  expect(editConfig(text, { 'cluster.mode': 'join' })).toMatch(/cluster:\s+\{?\s*mode: join/);
});

test('refuses what it does not know', () => {
  expect(() => editConfig('', { 'cluster.mod': 'x' })).toThrow('did you mean cluster.mode?');
  expect(() => editConfig('cluster: 5\n', { 'cluster.mode': 'join' })).toThrow('expected a section');
  expect(() => editConfig('a: "\n', { 'cluster.mode': 'join' })).toThrow(/quote/);
  expect(() => editConfig('- a\n', { 'cluster.mode': 'join' })).toThrow('expected keys and values');
});

describe('files', () => {
  let folder: string;
  let file: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'quorate-config-'));
    file = join(folder, 'etc', 'q.yaml');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  test('the generated file has every key, and means the defaults', () => {
    writeInitConfig(file, { force: false });
    const loaded = loadConfig({ file, env: {}, flags: [], host });
    expect(loaded.config).toEqual(loadConfig({ env: {}, flags: [], host }).config);
    expect(loaded.warnings).toEqual([]);
    expect([...loaded.origins.values()].filter((origin) => origin === 'default')).toEqual([]);
    expect(statSync(file).mode & 0o777).toBe(0o640);
  });

  test('an existing file is replaced only when forced', () => {
    updateConfigFile(file, { 'cluster.mode': 'join' });
    expect(() => writeInitConfig(file, { force: false })).toThrow('give --force');
    expect(readFileSync(file, 'utf8')).toBe('cluster:\n  mode: join\n');
    writeInitConfig(file, { force: true });
    expect(readFileSync(file, 'utf8')).toContain('mode: single');
  });

  test('an update keeps the mode, and a refused one keeps the file', () => {
    writeInitConfig(file, { force: false });
    chmodSync(file, 0o600);
    updateConfigFile(file, { 'node.id': 4 });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const before = readFileSync(file, 'utf8');
    expect(() => updateConfigFile(file, { 'node.id': 5, 'node.idd': 6 })).toThrow('did you mean node.id?');
    expect(readFileSync(file, 'utf8')).toBe(before);
    expect(readdirSync(join(folder, 'etc'))).toEqual(['q.yaml']);
  });
});

test('every key and section is described', () => {
  for (const key of CONFIG_KEYS.values()) expect(key.description, key.path).not.toBe('');
  for (const path of CONFIG_KEYS.keys()) expect(renderConfigDocs()).toContain(`\`${path}\``);
});
