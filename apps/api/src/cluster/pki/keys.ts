import { createHash, createPublicKey, generateKeyPairSync, KeyObject, X509Certificate } from 'node:crypto';
import { sha256Hex } from '../../lib/hash';
import { SIGNING_ALGORITHM, webcryptoPair, x509 } from './x509';

/** A new EC P-256 private key, PKCS #8 PEM. */
export function createNodeKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** A certificate request signed by `keyPem`. The name is for people; the cluster decides what the certificate says. */
export async function createCsr({ keyPem, nodeName }: { keyPem: string; nodeName: string }): Promise<string> {
  const keys = await webcryptoPair(keyPem);
  const csr = await x509.Pkcs10CertificateRequestGenerator.create({
    name: [{ CN: [nodeName] }],
    keys: keys as never,
    signingAlgorithm: SIGNING_ALGORITHM,
  });
  return `${csr.toString('pem')}\n`;
}

/** The request cannot be certified. */
export class CsrError extends Error {
  override readonly name = 'CsrError';
}

/** The public key (SPKI PEM) of a request whose signature proves that the sender holds the private key. @throws CsrError */
export async function verifyCsr(csrPem: string): Promise<{ publicKeyPem: string }> {
  try {
    const csr = new x509.Pkcs10CertificateRequest(csrPem);
    if (!(await csr.verify())) throw new CsrError('the signature of the certificate request does not match its key');
    const publicKey = createPublicKey(csr.publicKey.toString('pem'));
    if (publicKey.asymmetricKeyDetails?.namedCurve !== 'prime256v1') {
      throw new CsrError('the certificate request must carry an EC P-256 key');
    }
    return { publicKeyPem: publicKey.export({ type: 'spki', format: 'pem' }).toString() };
  } catch (error) {
    if (error instanceof CsrError) throw error;
    throw new CsrError('this is not a PKCS #10 certificate request in PEM format', { cause: error });
  }
}

/** sha256 hex over the SPKI of a certificate (PEM or DER) or public key: who a node is, whatever its certificate says. */
export function keyPinOf(source: string | Buffer | KeyObject): string {
  const spki = publicKeyOf(source).export({ type: 'spki', format: 'der' });
  return sha256Hex(spki);
}

function publicKeyOf(source: string | Buffer | KeyObject): KeyObject {
  if (source instanceof KeyObject) return source.type === 'private' ? createPublicKey(source as never) : source;
  if (typeof source === 'string') return createPublicKey(source);
  return new X509Certificate(source).publicKey;
}

/** `sha256:<hex>` over the DER of the first certificate in `certPem`. */
export const fingerprintOf = (certPem: string): string => fingerprintOfDer(new X509Certificate(certPem).raw);

export const fingerprintOfDer = (der: Uint8Array): string => `sha256:${createHash('sha256').update(der).digest('hex')}`;

/** SPKI PEM of a private key. */
export const publicKeyPemOf = (keyPem: string): string =>
  createPublicKey(keyPem).export({ type: 'spki', format: 'pem' }).toString();
