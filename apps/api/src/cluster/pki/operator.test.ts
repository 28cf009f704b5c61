import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../lib/logger';
import { CertificateError } from './inspect';
import { createNamedCa, issueNodeCertificate, type KeyedCertificate } from './issue';
import { createNodeKey, fingerprintOf, publicKeyPemOf } from './keys';
import { readOperatorPki, shareCa, watchOperatorPki } from './operator';

const HOST = '10.0.0.1';
const nowMs = Date.now();
const check = { expectedNodeId: undefined, advertisedHosts: [HOST], nowMs };
let directory: string;
let ca: KeyedCertificate;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'quorate-operator-'));
  ca = await createNamedCa('acme', nowMs);
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const path = (name: string): string => join(directory, name);
const files = () => ({ ca: path('ca.crt'), cert: path('node.crt'), key: path('node.key') });

async function issue(nodeId: number, by = ca): Promise<void> {
  const keyPem = createNodeKey();
  const publicKeyPem = publicKeyPemOf(keyPem);
  const certPem = await issueNodeCertificate({ ca: by, publicKeyPem, nodeId, prefix: 'acme', hosts: [HOST], nowMs });
  writeFileSync(path('node.key'), keyPem);
  writeFileSync(path('node.crt'), certPem);
  writeFileSync(path('ca.crt'), by.certPem);
}

describe("an operator's own certificates", () => {
  it('say which node it is, under any prefix, with the CA that signed them first', async () => {
    const other = await createNamedCa('other', nowMs);
    await issue(7);
    writeFileSync(path('ca.crt'), `${other.certPem}\n${ca.certPem}`);
    const { nodeId, caPem } = readOperatorPki(files(), check);
    expect(nodeId).toBe(7);
    expect(fingerprintOf(caPem)).toBe(fingerprintOf(ca.certPem));
    expect(shareCa(caPem, other.certPem)).toBe(true);
    expect(shareCa(ca.certPem, other.certPem)).toBe(false);
  });

  it.each<[string, () => void | Promise<void>, Partial<typeof check> | { expectedNodeId: number }, RegExp]>([
    [
      'a missing file',
      () => rmSync(path('node.key')),
      {},
      /cluster\.tls\.key cannot be read .* correct cluster\.tls\.key/,
    ],
    ['no certificate in it', () => writeFileSync(path('node.crt'), 'x'), {}, /holds no PEM certificate/],
    ['another id', () => {}, { expectedNodeId: 3 }, /is of node 7, but this is node 3/],
    ['another host', () => {}, { advertisedHosts: ['10.0.0.2'] }, /subjectAltName=IP:10\.0\.0\.2/],
    ['another time', () => {}, { nowMs: nowMs + 400 * 86_400_000 }, /expired on/],
    [
      'another CA',
      async () => writeFileSync(path('ca.crt'), (await createNamedCa('other', nowMs)).certPem),
      {},
      /not signed by the CA/,
    ],
  ])('are refused for %s', async (_what, spoil, change, said) => {
    await issue(7);
    await spoil();
    const attempt = () => readOperatorPki(files(), { ...check, ...change });
    expect(attempt).toThrow(CertificateError);
    expect(attempt).toThrow(said);
  });

  it('are taken up when they change, if they are good', async () => {
    await issue(7);
    let current = readOperatorPki(files(), check);
    const watch = watchOperatorPki({
      files: files(),
      check: () => check,
      current: () => current,
      logger: silentLogger(),
    });
    expect(watch.changed()).toBeUndefined();
    writeFileSync(path('node.key'), 'half of it');
    expect(watch.changed()).toBeUndefined();
    await issue(7);
    const next = watch.changed();
    expect(next?.certPem).toBe(readFileSync(path('node.crt'), 'utf8'));
    current = readOperatorPki(files(), check);
    expect(watch.changed()).toBeUndefined();
    await issue(7, await createNamedCa('stranger', nowMs));
    expect(watch.changed()).toBeUndefined();
  });
});
