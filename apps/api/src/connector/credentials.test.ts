import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createNamedCa } from '../cluster/pki/issue';
import { silentLogger } from '../lib/logger';
import { createCredentials } from './credentials';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quorate-connector-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const make = (name: string) => createNamedCa(name, Date.now());

it('reads the files again when they change, and keeps the last good ones while they are wrong', async () => {
  const [one, two, own] = await Promise.all(['one', 'two', 'own'].map(make));
  if (!one || !two || !own) throw new Error('three certificates');
  const files = { cert: join(folder, 'a.crt'), key: join(folder, 'a.key'), ca: '' };
  const identity = () => own;
  const store = createCredentials({ ...files, identity, logger: silentLogger() });
  expect(store.current).toBeUndefined();
  expect(store.problem).toMatch(/cannot be used.*connector\.cert/s);
  writeFileSync(files.cert, one.certPem);
  writeFileSync(files.key, one.keyPem);
  store.refresh();
  expect(store).toMatchObject({ problem: '', current: { view: { source: 'file', subject: 'CN=one' } } });
  expect(store.refresh()).toBe(false);
  // Half of a renewal: the certificate is there, its key is not yet.
  writeFileSync(files.cert, `${two.certPem}\n`);
  expect(store.refresh()).toBe(false);
  expect(store.problem).toMatch(/not that of the certificate/);
  expect(store.current?.view.subject).toBe('CN=one');
  writeFileSync(files.key, `${two.keyPem}\n`);
  expect(store.refresh()).toBe(true);
  expect(store).toMatchObject({ problem: '', current: { view: { subject: 'CN=two' } } });
});

it('shows the certificate of the node where the configuration names none, also after its renewal', async () => {
  let own = await make('before');
  const store = createCredentials({ cert: '', key: '', ca: '', identity: () => own, logger: silentLogger() });
  expect(store.current?.view).toMatchObject({ source: 'cluster', subject: 'CN=before' });
  own = await make('after');
  expect(store.refresh()).toBe(true);
  expect(store.current?.view.subject).toBe('CN=after');
});
