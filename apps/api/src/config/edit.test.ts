import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { editConfig } from './edit';
import { CONFIG_KEYS } from './keys';
import { loadConfig } from './load';
import { renderConfigDocs, renderInitConfig } from './render';

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

test('the generated file has every key, and means the defaults', () => {
  const folder = mkdtempSync(join(tmpdir(), 'quorate-config-'));
  try {
    const file = join(folder, 'q.yaml');
    writeFileSync(file, renderInitConfig());
    const loaded = loadConfig({ file, env: {}, flags: [], host });
    expect(loaded.config).toEqual(loadConfig({ env: {}, flags: [], host }).config);
    expect(loaded.warnings).toEqual([]);
    expect([...loaded.origins.values()].filter((origin) => origin === 'default')).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('every key and section is described', () => {
  for (const key of CONFIG_KEYS.values()) expect(key.description, key.path).not.toBe('');
  for (const path of CONFIG_KEYS.keys()) expect(renderConfigDocs()).toContain(`\`${path}\``);
});
