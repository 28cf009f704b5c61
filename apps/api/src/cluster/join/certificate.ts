import { X509Certificate } from 'node:crypto';
import type { JoinRequest } from '@quorate/shared/join-protocol';
import { eq } from 'drizzle-orm';
import { DomainError } from '../../commands/domain-error';
import type { StateDb } from '../../db/state-store';
import { parseHostPort } from '../../lib/net';
import { clusterSecrets } from '../../resources/setup/table';
import { SECRET } from '../keyring';
import { CertificateError, checkNodeCertificate, inspectCertificate } from '../pki/inspect';
import { CsrError, verifyCsr } from '../pki/keys';

/** False for a cluster that runs on certificates of its operator: its state holds no CA key. */
export const issuesCertificates = (db: StateDb): boolean =>
  db.select().from(clusterSecrets).where(eq(clusterSecrets.name, SECRET.caKey)).get() !== undefined;

/** The key that a joiner would be known by, SPKI PEM. @throws DomainError validation_failed */
export async function readPublicKey({ csr, certificate }: JoinRequest): Promise<string> {
  try {
    if (certificate === '') return (await verifyCsr(csr)).publicKeyPem;
    // Who holds the key of a certificate is seen when the joiner is dialled back.
    inspectCertificate(certificate);
    return new X509Certificate(certificate).publicKey.export({ type: 'spki', format: 'pem' }).toString();
  } catch (error) {
    if (!(error instanceof CsrError || error instanceof CertificateError)) throw error;
    const pointer = certificate === '' ? '/csr' : '/certificate';
    throw new DomainError('validation_failed', error.message, [{ pointer, detail: error.message }]);
  }
}

const refuse = (detail: string): DomainError =>
  new DomainError('certificate_required', detail, [{ pointer: '/certificate', detail }]);

/** Either the cluster issues every certificate, or its operator does. @throws DomainError certificate_required */
export function checkJoinCertificate(
  request: JoinRequest,
  cluster: { readonly name: string; readonly caPem: string; readonly issues: boolean; readonly nowMs: number },
): string {
  const { certificate } = request;
  const { name, caPem, issues, nowMs } = cluster;
  if (issues) {
    if (certificate === '') return 'the cluster issues its certificate';
    throw refuse(`the cluster ${name} issues its certificates itself; leave cluster.tls empty on this node`);
  }
  if (certificate === '') {
    const cure = 'issue one for this node (CN <prefix>-node-<id>) and set cluster.tls';
    throw refuse(`the cluster ${name} runs on certificates of its operator; ${cure}`);
  }
  const addresses = [request.cluster_address, request.raft_peer_address, request.raft_client_address];
  const advertisedHosts = addresses.flatMap((address) => parseHostPort(address)?.host ?? []);
  try {
    const { nodeId } = checkNodeCertificate({ certPem: certificate, caPem, advertisedHosts, nowMs });
    if (nodeId === request.id) return `the certificate of node ${nodeId} is of the CA of this cluster`;
    throw refuse(`the certificate is of node ${nodeId}, the request of node ${request.id ?? 'any'}; ask for that id`);
  } catch (error) {
    if (error instanceof CertificateError) throw refuse(error.message);
    throw error;
  }
}
