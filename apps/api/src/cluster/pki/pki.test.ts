import { execFileSync } from 'node:child_process';
import { createPublicKey } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { IdentityError, loadIdentity, loadOrCreateNodeKey, saveIdentity } from './identity';
import { type CertificateError, checkNodeCertificate, inspectCertificate, nodeIdOfName } from './inspect';
import { createCa, issueNodeCertificate, selfSign } from './issue';
import { CsrError, createCsr, createNodeKey, fingerprintOf, keyPinOf, verifyCsr } from './keys';
import { loadNodeFile, type NodeFile, NodeFileError, saveNodeFile } from './node-file';
import { decryptSecret, encryptSecret, SecretError, unwrapFromNode, wrapForNode } from './secrets';

const clusterId = '0198f0aa-1111-7222-8333-444455556666';
const nowMs = Date.now();
const YEAR_MS = 365 * 24 * 3600 * 1000;

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'quorate-pki-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const openssl = (...args: string[]): string =>
  execFileSync('openssl', args, { cwd: dir, encoding: 'utf8', stdio: 'pipe' });

async function issued(hosts = ['10.0.0.2', 'n2.example.org'], at = nowMs) {
  const ca = await createCa({ clusterId, nowMs: at });
  const keyPem = createNodeKey();
  const { publicKeyPem } = await verifyCsr(await createCsr({ keyPem, nodeName: 'n2' }));
  const certPem = await issueNodeCertificate({ ca, publicKeyPem, nodeId: 2, hosts, nowMs: at });
  return { ca, keyPem, certPem, publicKeyPem };
}

const problemOf = (check: () => unknown): CertificateError => {
  try {
    check();
  } catch (error) {
    return error as CertificateError;
  }
  throw new Error('nothing was thrown');
};

describe('certificates made by the program', () => {
  it('hold with openssl, for both sides of a connection, and for the hosts asked for', async () => {
    const { ca, certPem } = await issued();
    writeFileSync(join(dir, 'ca.crt'), ca.certPem);
    writeFileSync(join(dir, 'node.crt'), certPem);
    for (const purpose of ['sslserver', 'sslclient']) {
      expect(openssl('verify', '-x509_strict', '-purpose', purpose, '-CAfile', 'ca.crt', 'node.crt')).toContain('OK');
    }
    const text = openssl('x509', '-in', 'node.crt', '-noout', '-text');
    expect(text).toContain('CN = quorate-node-2');
    expect(text).toContain('IP Address:10.0.0.2, DNS:n2.example.org, IP Address:127.0.0.1');
    expect(openssl('x509', '-in', 'ca.crt', '-noout', '-text')).toMatch(/CA:TRUE, pathlen:0/);
    expect(inspectCertificate(ca.certPem)).toMatchObject({
      subjectCn: 'quorate-ca-55556666',
      isCa: true,
      nodeId: null,
    });
    const fingerprint = openssl('x509', '-in', 'ca.crt', '-noout', '-fingerprint', '-sha256');
    expect(fingerprintOf(ca.certPem)).toBe(
      `sha256:${fingerprint.trim().split('=').at(-1)?.replaceAll(':', '').toLowerCase()}`,
    );
  });

  it('are valid one year, never beyond the CA, from five minutes back', async () => {
    const { ca, certPem, publicKeyPem } = await issued();
    const info = inspectCertificate(certPem);
    expect(Math.abs(info.notAfter - (nowMs + YEAR_MS))).toBeLessThan(1000);
    expect(Math.abs(info.notBefore - (nowMs - 300_000))).toBeLessThan(1000);
    const late = await issueNodeCertificate({ ca, publicKeyPem, nodeId: 3, hosts: [], nowMs: nowMs + 9.5 * YEAR_MS });
    expect(inspectCertificate(late).notAfter).toBe(inspectCertificate(ca.certPem).notAfter);
  });

  it('pin the same key however it is written', async () => {
    const { certPem, keyPem, publicKeyPem } = await issued();
    const pin = keyPinOf(publicKeyPem);
    expect(pin).toMatch(/^[0-9a-f]{64}$/);
    expect(keyPinOf(certPem)).toBe(pin);
    expect(keyPinOf(createPublicKey(keyPem))).toBe(pin);
    expect(keyPinOf(await selfSign({ keyPem, nowMs }))).toBe(pin);
  });

  it('refuse requests that are altered, of another kind of key, or no requests', async () => {
    const csr = await createCsr({ keyPem: createNodeKey(), nodeName: 'n2' });
    const der = Buffer.from(csr.replace(/-----.*-----/g, ''), 'base64');
    der.writeUInt8(der.readUInt8(der.length - 5) ^ 1, der.length - 5);
    const altered = `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64')}\n-----END CERTIFICATE REQUEST-----`;
    await expect(verifyCsr(altered)).rejects.toThrow(CsrError);
    openssl('req', '-new', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'k.pem', '-subj', '/CN=x', '-out', 'rsa.csr');
    await expect(verifyCsr(readFileSync(join(dir, 'rsa.csr'), 'utf8'))).rejects.toThrow(/EC P-256/);
    await expect(verifyCsr('hello')).rejects.toThrow(/PKCS #10/);
  });
});

describe('checking a node certificate', () => {
  it('names each fault and its cure', async () => {
    const { ca, keyPem, certPem } = await issued();
    const good = { certPem, keyPem, caPem: ca.certPem, expectedNodeId: 2, advertisedHosts: ['10.0.0.2'], nowMs };
    expect(checkNodeCertificate(good).nodeId).toBe(2);
    const other = await issued();
    const cases: [string, Partial<typeof good>, RegExp][] = [
      ['wrong_id', { expectedNodeId: 3 }, /is of node 2, but this is node 3.*-node-3/],
      ['no_usable_san', { advertisedHosts: ['10.0.0.9'] }, /does not name 10\.0\.0\.9.*subjectAltName=IP:10\.0\.0\.9/],
      ['expired', { nowMs: nowMs + 2 * YEAR_MS }, /expired on .*issue a new one/],
      ['not_yet_valid', { nowMs: nowMs - 600_000 }, /valid only from/],
      ['key_mismatch', { keyPem: createNodeKey() }, /does not belong/],
      ['not_signed_by_ca', { caPem: other.ca.certPem }, /not signed by the CA/],
      ['malformed', { certPem: 'x' }, /BEGIN CERTIFICATE/],
      ['malformed', { keyPem: 'x' }, /private key/],
      ['wrong_name', { certPem: ca.certPem, keyPem: ca.keyPem }, /CN=quorate-node-2/],
    ];
    for (const [code, change, message] of cases) {
      const error = problemOf(() => checkNodeCertificate({ ...good, ...change }));
      expect(error.code).toBe(code);
      expect(error.message).toMatch(message);
      expect(error.cure).not.toBe('');
    }
    expect(checkNodeCertificate({ ...good, caPem: other.ca.certPem + ca.certPem }).nodeId).toBe(2);
  });

  it('accepts a PKI that the operator made with openssl, with any prefix, and asks for what a certificate lacks', () => {
    openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', 'ca-key.pem');
    openssl('req', '-x509', '-new', '-key', 'ca-key.pem', '-days', '30', '-subj', '/CN=acme-ca', '-out', 'ca.pem');
    openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', 'key.pem');
    openssl('req', '-new', '-key', 'key.pem', '-subj', '/CN=acme-node-7', '-out', 'node.csr');
    const sign = (extensions: string): string => {
      writeFileSync(join(dir, 'ext'), extensions);
      const ca = ['-CA', 'ca.pem', '-CAkey', 'ca-key.pem', '-CAcreateserial', '-days', '30'];
      openssl('x509', '-req', '-in', 'node.csr', ...ca, '-extfile', 'ext', '-out', 'cert.pem');
      return readFileSync(join(dir, 'cert.pem'), 'utf8');
    };
    const keyPem = readFileSync(join(dir, 'key.pem'), 'utf8');
    const caPem = readFileSync(join(dir, 'ca.pem'), 'utf8');
    const check = (certPem: string) =>
      checkNodeCertificate({
        certPem,
        keyPem,
        caPem,
        expectedNodeId: 7,
        advertisedHosts: ['10.0.0.7'],
        nowMs: Date.now() + 1000,
      });
    const usages = 'extendedKeyUsage=serverAuth,clientAuth';
    expect(check(sign(`${usages}\nsubjectAltName=IP:10.0.0.7`))).toMatchObject({ nodeId: 7, subjectCn: 'acme-node-7' });
    const bare = problemOf(() => check(sign(usages)));
    expect([bare.code, bare.message]).toEqual([
      'no_usable_san',
      'the certificate has no subject alternative name; issue it with subjectAltName=IP:10.0.0.7',
    ]);
    const serverOnly = problemOf(() => check(sign('extendedKeyUsage=serverAuth\nsubjectAltName=IP:10.0.0.7')));
    expect(serverOnly.code).toBe('usage_missing');
    expect(serverOnly.message).toContain('clientAuth');
  });

  it('reads node ids from names strictly', () => {
    const ids = ['quorate-node-1', 'a-b-node-63', 'x-node-64', 'x-node-0', 'x-node-01', '-node-1', 'node-1', ''];
    expect(ids.map(nodeIdOfName)).toEqual([1, 63, null, null, null, null, null, null]);
  });
});

describe('secrets', () => {
  it('open with the right key and name only', async () => {
    const key = new Uint8Array(32).fill(7);
    const jwe = await encryptSecret(key, 'ca_key', 'the key');
    expect(jwe).not.toContain('the key');
    expect(await decryptSecret(key, 'ca_key', jwe)).toBe('the key');
    await expect(decryptSecret(key, 'session_key', jwe)).rejects.toThrow(SecretError);
    await expect(decryptSecret(new Uint8Array(32), 'ca_key', jwe)).rejects.toThrow(SecretError);
    await expect(decryptSecret(key, 'ca_key', 'nonsense')).rejects.toThrow(SecretError);
  });

  it('wrapped for a node open with its private key only', async () => {
    const keyPem = createNodeKey();
    const publicKeyPem = createPublicKey(keyPem).export({ type: 'spki', format: 'pem' }).toString();
    const jwe = await wrapForNode(publicKeyPem, 'shared');
    expect(await unwrapFromNode(keyPem, jwe)).toBe('shared');
    await expect(unwrapFromNode(createNodeKey(), jwe)).rejects.toThrow(SecretError);
  });
});

describe('identity on disk', () => {
  const clusterKey = new Uint8Array(32).fill(9);

  it('is private, read back, and keeps its key over attempts', async () => {
    expect(loadIdentity(dir)).toBeUndefined();
    const keyPem = loadOrCreateNodeKey(dir);
    expect(loadOrCreateNodeKey(dir)).toBe(keyPem);
    expect(loadIdentity(dir)).toBeUndefined();
    const { ca } = await issued();
    const certPem = await selfSign({ keyPem, nowMs });
    saveIdentity(dir, { caPem: ca.certPem, certPem, keyPem, clusterKey });
    expect(loadIdentity(dir)).toEqual({ caPem: ca.certPem, certPem, keyPem, clusterKey });
    expect(statSync(join(dir, 'pki')).mode & 0o777).toBe(0o700);
    for (const file of ['ca.crt', 'node.crt', 'node.key', 'cluster.key']) {
      expect(statSync(join(dir, 'pki', file)).mode & 0o777).toBe(0o600);
    }
    expect(existsSync(join(dir, 'pki', 'node.crt.tmp'))).toBe(false);
    writeFileSync(join(dir, 'pki', 'cluster.key'), 'short');
    expect(() => loadIdentity(dir)).toThrow(/cluster\.key is damaged; copy this file from another member/);
    rmSync(join(dir, 'pki', 'node.key'));
    expect(() => loadIdentity(dir)).toThrow(IdentityError);
  });

  it('refuses a damaged node.json with the cure, and keeps keys of newer versions', () => {
    const file: NodeFile = {
      version: 1,
      node_id: 2,
      name: 'n2',
      cluster_id: clusterId,
      mode: 'raft',
      stage: 'admitted',
      members: [],
    };
    expect(loadNodeFile(dir)).toBeUndefined();
    saveNodeFile(dir, { ...file, later: { x: 1 } });
    expect(loadNodeFile(dir)).toEqual({ ...file, later: { x: 1 } });
    expect(statSync(join(dir, 'node.json')).mode & 0o777).toBe(0o600);
    for (const [text, message] of [
      ['{', /not valid JSON; put it back/],
      ['{"version":1,"node_id":99}', /damaged at node_id/],
      ['{"version":2}', /newer Quorate/],
    ] as const) {
      writeFileSync(join(dir, 'node.json'), text);
      expect(() => loadNodeFile(dir)).toThrow(NodeFileError);
      expect(() => loadNodeFile(dir)).toThrow(message);
    }
  });
});
