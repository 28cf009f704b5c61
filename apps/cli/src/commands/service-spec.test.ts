import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import type { Invocation } from '../invocation';
import { readSpec } from './service-spec';

const dir = mkdtempSync(join(tmpdir(), 'quorate-spec-'));
afterAll(() => rmSync(dir, { recursive: true }));

const read = (text: string) => {
  writeFileSync(join(dir, 'web.yaml'), text);
  return readSpec({ io: { cwd: dir } } as Invocation, 'web.yaml');
};

it('reads a specification as YAML and as JSON, with what is left out', async () => {
  const spec = await read('command: /opt/web\nports: [http]\nhealth: { type: tcp, port: http }\n');
  expect(spec).toMatchObject({
    command: '/opt/web',
    args: [],
    health: { type: 'tcp', port: 'http', interval_seconds: 5 },
  });
  expect(await read(JSON.stringify(spec))).toEqual(spec);
});

it.each([
  ['evn: {}', 'evn is no field'],
  ['health: { type: none, path: / }', '/health/path is no field'],
  ['ports: [http]\npublish: admin', 'publish: name one of the ports'],
])('refuses %j', async (more, message) => {
  await expect(read(`command: /opt/web\n${more}\n`)).rejects.toThrow(message);
});
