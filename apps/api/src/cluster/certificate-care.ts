import { X509Certificate } from 'node:crypto';
import { lastOf } from '../lib/last-of';
import type { Identity } from './pki/identity';
import { inspectCertificate, splitPem } from './pki/inspect';
import { issueNodeCertificate } from './pki/issue';
import { publicKeyPemOf } from './pki/keys';

/** A certificate is renewed when less than this part of its life is left: well before two thirds of it are over. */
const RENEW_AT_FRACTION = 2 / 5;

// Asked twice a second about the same certificates, and dear.
const inspected = lastOf(inspectCertificate);

/** When a certificate is due to be renewed, ms. */
export function renewalTime(certPem: string): number {
  const { notBefore, notAfter } = inspected(certPem);
  return notAfter - (notAfter - notBefore) * RENEW_AT_FRACTION;
}

/** The one among some CA certificates that signed a certificate. */
export const issuerOf = lastOf((certPem: string, caPem: string): string | undefined => {
  const leaf = new X509Certificate(certPem);
  return splitPem(caPem).find((pem) => {
    const authority = new X509Certificate(pem);
    return leaf.checkIssued(authority) && leaf.verify(authority.publicKey);
  });
});

/** Why the node's certificate should be issued anew by `caPem`, or undefined. Pure. */
export function renewalReason(
  certPem: string,
  caPem: string,
  hosts: readonly string[],
  nowMs: number,
): string | undefined {
  if (nowMs > renewalTime(certPem)) return 'less than two fifths of its life are left';
  const certificate = inspected(certPem);
  if (nowMs < certificate.notBefore) return 'it begins in the future: the clock was wrong when it was issued';
  const missing = hosts.filter((host) => !certificate.hosts.includes(host));
  if (missing.length > 0) return `it does not name ${missing.join(', ')}`;
  return issuerOf(certPem, caPem) === undefined ? 'the CA was replaced' : undefined;
}

/** The identity with a fresh certificate for the same key, so that the pin stays as it is. */
export async function renewCertificate(options: {
  identity: Identity;
  ca: { certPem: string; keyPem: string };
  nodeId: number;
  hosts: readonly string[];
  nowMs: number;
}): Promise<Identity> {
  const { identity, ca, nodeId, hosts, nowMs } = options;
  const publicKeyPem = publicKeyPemOf(identity.keyPem);
  return { ...identity, certPem: await issueNodeCertificate({ ca, publicKeyPem, nodeId, hosts, nowMs }) };
}
