import type { PeerCertificate } from 'node:tls';
import { nodeIdOfName } from './inspect';
import { keyPinOf } from './keys';

/** Who is at the other end of a TLS connection, by the certificate it showed. */
export interface PeerIdentity {
  readonly nodeId: number;
  readonly keyPin: string;
  /** ms since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
}

/** Stands before the name in the common name of a runner's certificate. */
export const RUNNER_PREFIX = 'quorate-runner-';

/** A runner at the other end of a connection. */
export interface RunnerPeer {
  readonly name: string;
  readonly keyPin: string;
  /** ms since the epoch. */
  readonly notAfter: number;
}

/** The runner in a certificate; undefined when its common name is not that of one. The chain is the caller's to verify. */
export function runnerPeerOf(certificate: PeerCertificate | undefined): RunnerPeer | undefined {
  if (!certificate?.raw) return undefined;
  const commonName: unknown = certificate.subject?.CN;
  if (typeof commonName !== 'string' || !commonName.startsWith(RUNNER_PREFIX)) return undefined;
  return {
    name: commonName.slice(RUNNER_PREFIX.length),
    keyPin: keyPinOf(certificate.raw),
    notAfter: new Date(certificate.valid_to).getTime(),
  };
}

/** The identity in a certificate; undefined when its common name is not that of a node. The chain is the caller's to verify. */
export function peerIdentityOf(certificate: PeerCertificate | undefined): PeerIdentity | undefined {
  if (!certificate?.raw) return undefined;
  const commonName: unknown = certificate.subject?.CN;
  const nodeId = typeof commonName === 'string' ? nodeIdOfName(commonName) : null;
  if (nodeId === null) return undefined;
  return {
    nodeId,
    keyPin: keyPinOf(certificate.raw),
    notBefore: new Date(certificate.valid_from).getTime(),
    notAfter: new Date(certificate.valid_to).getTime(),
  };
}

/**
 * For `checkServerIdentity`: members are known by their node id and key, not by a host name, so that they can be
 * reached through any address. The CA was verified before.
 */
export function checkPeer(
  certificate: PeerCertificate,
  expected: { readonly nodeId?: number; readonly isPinned?: (nodeId: number, keyPin: string) => boolean },
): Error | undefined {
  const peer = peerIdentityOf(certificate);
  if (!peer) return new Error(`the certificate at the other end is not that of a cluster node`);
  if (expected.nodeId !== undefined && peer.nodeId !== expected.nodeId) {
    return new Error(`node ${peer.nodeId} answered where node ${expected.nodeId} was expected`);
  }
  if (expected.isPinned && !expected.isPinned(peer.nodeId, peer.keyPin)) {
    return new Error(`node ${peer.nodeId} answered with a key that is not that of a member`);
  }
  return undefined;
}
