import { createPrivateKey, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { isLoopback } from '../../lib/net';
import { x509 } from './x509';

export interface CertificateInfo {
  readonly subjectCn: string;
  /** From a common name `<prefix>-node-<id>`, with any prefix and an id of 1 to 63. */
  readonly nodeId: number | null;
  /** Subject alternative names: IP addresses and DNS names. */
  readonly hosts: readonly string[];
  readonly notBefore: number;
  readonly notAfter: number;
  readonly usages: readonly ('serverAuth' | 'clientAuth' | 'other')[];
  readonly isCa: boolean;
}

/** What is wrong with an operator's or a stored certificate. The message names the cure. */
export type CertificateProblem =
  | 'malformed'
  | 'key_mismatch'
  | 'not_signed_by_ca'
  | 'not_a_ca'
  | 'wrong_name'
  | 'wrong_id'
  | 'expired'
  | 'not_yet_valid'
  | 'usage_missing'
  | 'no_usable_san';

export class CertificateError extends Error {
  override readonly name = 'CertificateError';
  constructor(
    readonly code: CertificateProblem,
    what: string,
    readonly cure: string,
    options?: ErrorOptions,
  ) {
    super(`${what}; ${cure}`, options);
  }
}

const NODE_NAME = /^.+-node-([1-9]\d?)$/;

/** The node id in a common name `<prefix>-node-<id>`, else null. */
export function nodeIdOfName(commonName: string): number | null {
  const id = Number(NODE_NAME.exec(commonName)?.[1]);
  return id >= 1 && id <= 63 ? id : null;
}

const CERTIFICATE_BLOCK = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

/** The certificates of a PEM text in order. */
export const splitPem = (pemText: string): string[] => pemText.match(CERTIFICATE_BLOCK) ?? [];

function parse(
  pemText: string,
  what: string,
): { node: X509Certificate; asn: InstanceType<typeof x509.X509Certificate> } {
  const [first] = splitPem(pemText);
  const cure = 'give a PEM file that begins with -----BEGIN CERTIFICATE-----';
  if (!first) throw new CertificateError('malformed', `${what} holds no PEM certificate`, cure);
  try {
    return { node: new X509Certificate(first), asn: new x509.X509Certificate(first) };
  } catch (error) {
    throw new CertificateError('malformed', `${what} cannot be read`, cure, { cause: error });
  }
}

const USAGE_NAMES: Record<string, 'serverAuth' | 'clientAuth'> = {
  [x509.ExtendedKeyUsage.serverAuth]: 'serverAuth',
  [x509.ExtendedKeyUsage.clientAuth]: 'clientAuth',
};

/** A node looks at the same few certificates over and over; parsing one costs more than the rest of such a look. */
const inspected = new Map<string, CertificateInfo>();
const INSPECTED_MAX = 32;

/** The facts of the first certificate in a PEM text. @throws CertificateError malformed */
export function inspectCertificate(certPem: string, what = 'the certificate'): CertificateInfo {
  const known = inspected.get(certPem);
  if (known) return known;
  const info = readCertificate(certPem, what);
  if (inspected.size >= INSPECTED_MAX) inspected.clear();
  inspected.set(certPem, info);
  return info;
}

function readCertificate(certPem: string, what: string): CertificateInfo {
  const { node, asn } = parse(certPem, what);
  const subjectCn = asn.subjectName.getField('CN')[0] ?? '';
  const names = asn.getExtension(x509.SubjectAlternativeNameExtension)?.names.items ?? [];
  const usages = asn.getExtension(x509.ExtendedKeyUsageExtension)?.usages ?? [];
  return {
    subjectCn,
    nodeId: nodeIdOfName(subjectCn),
    hosts: names.filter(({ type }) => type === 'dns' || type === 'ip').map(({ value }) => value),
    notBefore: asn.notBefore.getTime(),
    notAfter: asn.notAfter.getTime(),
    usages: usages.map((oid) => USAGE_NAMES[String(oid)] ?? 'other'),
    isCa: node.ca,
  };
}

export interface NodeCertificateCheck {
  readonly certPem: string;
  /** Left out where a TLS handshake proves who holds the key. */
  readonly keyPem?: string;
  /** One or more CA certificates. */
  readonly caPem: string;
  readonly expectedNodeId?: number;
  /** Hosts that others dial, without port or brackets: each must be a subject alternative name. */
  readonly advertisedHosts: readonly string[];
  readonly nowMs: number;
}

/**
 * Whether a node can run with this certificate. Checked at every start, for operator and issued ones alike.
 *
 * @returns the facts of the certificate and its node id
 * @throws CertificateError naming what is wrong and the cure
 */
export function checkNodeCertificate(input: NodeCertificateCheck): CertificateInfo & { readonly nodeId: number } {
  const { certPem, keyPem, caPem, advertisedHosts, nowMs } = input;
  const info = inspectCertificate(certPem);
  checkIssuer(certPem, caPem);
  if (keyPem !== undefined) checkKey(certPem, keyPem);
  const nodeId = checkName(info, input.expectedNodeId);
  checkValidity(info, nowMs);
  for (const usage of ['serverAuth', 'clientAuth'] as const) {
    if (info.usages.includes(usage)) continue;
    const cure = 'issue it with extendedKeyUsage=serverAuth,clientAuth';
    throw new CertificateError('usage_missing', `the certificate lacks the extended key usage ${usage}`, cure);
  }
  checkHosts(certPem, info, advertisedHosts);
  return { ...info, nodeId };
}

function checkIssuer(certPem: string, caPem: string): void {
  const leaf = parse(certPem, 'the certificate').node;
  parse(caPem, 'the CA file');
  const authorities = splitPem(caPem).map((pemText) => parse(pemText, 'the CA file').node);
  const issuer = authorities.find((authority) => leaf.checkIssued(authority) && leaf.verify(authority.publicKey));
  if (!issuer) {
    const cure = 'use the CA that signed it, or issue the certificate anew from this CA';
    throw new CertificateError('not_signed_by_ca', 'the certificate is not signed by the CA', cure);
  }
  if (!issuer.ca) {
    const cure = 'create the CA with basicConstraints=CA:TRUE (openssl req -x509 does)';
    throw new CertificateError('not_a_ca', 'the CA certificate is no CA certificate', cure);
  }
}

function checkKey(certPem: string, keyPem: string): void {
  const leaf = parse(certPem, 'the certificate').node;
  let matches: boolean;
  try {
    matches = leaf.checkPrivateKey(createPrivateKey(keyPem));
  } catch (error) {
    const cure = 'give the unencrypted PEM private key of this certificate';
    throw new CertificateError('malformed', 'the private key cannot be read', cure, { cause: error });
  }
  if (matches) return;
  const cure = 'give the key with which the certificate was requested';
  throw new CertificateError('key_mismatch', 'the private key does not belong to the certificate', cure);
}

function checkName(info: CertificateInfo, expectedNodeId: number | undefined): number {
  if (info.nodeId === null) {
    const wanted = expectedNodeId ?? '<id>';
    const what = `the certificate's common name is ${JSON.stringify(info.subjectCn)}`;
    const cure = `issue it with CN=quorate-node-${wanted} (any prefix before -node-, id 1 to 63)`;
    throw new CertificateError('wrong_name', what, cure);
  }
  if (expectedNodeId !== undefined && info.nodeId !== expectedNodeId) {
    const what = `the certificate is of node ${info.nodeId}, but this is node ${expectedNodeId}`;
    const cure = `give the certificate with a CN ending in -node-${expectedNodeId}, or set node.id to ${info.nodeId}`;
    throw new CertificateError('wrong_id', what, cure);
  }
  return info.nodeId;
}

function checkValidity({ notBefore, notAfter }: CertificateInfo, nowMs: number): void {
  if (nowMs > notAfter) {
    const what = `the certificate expired on ${new Date(notAfter).toISOString()}`;
    throw new CertificateError('expired', what, 'issue a new one, or set this clock right if it runs ahead');
  }
  if (nowMs < notBefore) {
    const what = `the certificate is valid only from ${new Date(notBefore).toISOString()}`;
    throw new CertificateError('not_yet_valid', what, 'set this clock right, or wait');
  }
}

function checkHosts(certPem: string, info: CertificateInfo, advertised: readonly string[]): void {
  const leaf = parse(certPem, 'the certificate').node;
  const covers = (host: string): boolean =>
    (isIP(host) === 0 ? leaf.checkHost(host, { subject: 'never' }) : leaf.checkIP(host)) !== undefined;
  const missing = [...new Set(advertised)].filter((host) => !covers(host));
  if (missing.length === 0) return;
  const wanted = [...new Set([...advertised, ...info.hosts.filter((host) => !isLoopback(host))])];
  const list = wanted.map((host) => `${isIP(host) === 0 ? 'DNS' : 'IP'}:${host}`).join(',');
  const what =
    info.hosts.length === 0
      ? 'the certificate has no subject alternative name'
      : `the certificate does not name ${missing.join(', ')} (it names ${info.hosts.join(', ')})`;
  throw new CertificateError('no_usable_san', what, `issue it with subjectAltName=${list}`);
}
