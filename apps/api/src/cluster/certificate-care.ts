import type { Identity } from './pki/identity';
import { inspectCertificate } from './pki/inspect';
import { issueNodeCertificate } from './pki/issue';
import { publicKeyPemOf } from './pki/keys';

/** A certificate is renewed when less than this part of its life is left. */
const RENEW_AT_FRACTION = 1 / 3;

/** Why the node's certificate should be issued anew, or undefined. Pure. */
export function renewalReason(certPem: string, hosts: readonly string[], nowMs: number): string | undefined {
  const certificate = inspectCertificate(certPem);
  const life = certificate.notAfter - certificate.notBefore;
  if (certificate.notAfter - nowMs < life * RENEW_AT_FRACTION) return 'a third of its life is left';
  const missing = hosts.filter((host) => !certificate.hosts.includes(host));
  return missing.length > 0 ? `it does not name ${missing.join(', ')}` : undefined;
}

/** The identity with a fresh certificate for the same key, so that the pin stays as it is. */
export async function renewCertificate(options: {
  identity: Identity;
  caKey: string;
  nodeId: number;
  hosts: readonly string[];
  nowMs: number;
}): Promise<Identity> {
  const { identity, caKey, nodeId, hosts, nowMs } = options;
  const ca = { certPem: identity.caPem, keyPem: caKey };
  const publicKeyPem = publicKeyPemOf(identity.keyPem);
  return { ...identity, certPem: await issueNodeCertificate({ ca, publicKeyPem, nodeId, hosts, nowMs }) };
}
