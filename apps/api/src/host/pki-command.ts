import { readFileSync } from 'node:fs';
import { inspectCertificate, splitPem } from '../cluster/pki/inspect';
import { fingerprintOf, keyPinOf } from '../cluster/pki/keys';
import type { LoadedConfig } from '../config/load';
import { pkiFile } from './data-dir';
import { HostError, reasonOf } from './host-error';

function readPem(path: string, missing: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new HostError(`${path} cannot be read: ${reasonOf(error)}; ${missing}`);
  }
}

/** `quorated pki fingerprint`: `sha256:HEX`, the form that join takes. @throws HostError, CertificateError */
export function printFingerprint(file: string | undefined, load: () => LoadedConfig): void {
  const path = file ?? pkiFile(load().config.data_dir, 'ca.crt');
  const pem = readPem(
    path,
    'name a PEM file, or start quorated once: it has a CA when it has founded or joined a cluster',
  );
  inspectCertificate(pem, path);
  process.stdout.write(`${fingerprintOf(pem)}\n`);
}

/** `quorated pki inspect`: the facts of every certificate in a file, as YAML. @throws HostError, CertificateError */
export function printCertificate(file: string): void {
  const pem = readPem(file, 'name a PEM file with a certificate');
  // With none in it, this says so.
  inspectCertificate(pem, file);
  for (const certificate of splitPem(pem)) {
    const info = inspectCertificate(certificate, file);
    const lines = [
      `- subject: ${info.subjectCn}`,
      `  kind: ${info.isCa ? 'CA' : info.nodeId === null ? 'other' : `node ${info.nodeId}`}`,
      `  names: [${info.hosts.join(', ')}]`,
      `  usages: [${info.usages.join(', ')}]`,
      `  not_before: ${new Date(info.notBefore).toISOString()}`,
      `  not_after: ${new Date(info.notAfter).toISOString()}`,
      `  fingerprint: ${fingerprintOf(certificate)}`,
      `  key_pin: ${keyPinOf(Buffer.from(certificate.replaceAll(/-----[A-Z ]+-----|\s/g, ''), 'base64'))}`,
    ];
    process.stdout.write(`${lines.join('\n')}\n`);
  }
}
