import { createPublicKey, randomBytes, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { createNodeKey } from './keys';
import { RUNNER_PREFIX } from './peer-identity';
import { SIGNING_ALGORITHM, webcryptoPair, webcryptoPublic, x509 } from './x509';

const DAY_MS = 24 * 3600 * 1000;
const CA_LIFETIME_MS = 3650 * DAY_MS;
export const NODE_CERTIFICATE_LIFETIME_MS = 365 * DAY_MS;
/** Clocks of two hosts differ a little; a fresh certificate must be valid on both. */
const BACKDATE_MS = 5 * 60_000;
/** Over loopback a peer's source address is 127.0.0.1 whatever it advertises, and etcd compares it with the SANs. */
const LOCAL_HOSTS = ['127.0.0.1', '::1', 'localhost'];

export interface KeyedCertificate {
  readonly certPem: string;
  readonly keyPem: string;
}

const { KeyUsageFlags, ExtendedKeyUsage } = x509;

/** 16 random bytes with the top bit clear, so that the DER integer is positive, and never all zero. */
function randomSerial(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString('hex');
}

const pem = (certificate: { toString(format: 'pem'): string }): string => `${certificate.toString('pem')}\n`;

/** The CA of a new cluster, named after it. */
export const createCa = ({ clusterId, nowMs }: { clusterId: string; nowMs: number }): Promise<KeyedCertificate> =>
  createNamedCa(`quorate-ca-${clusterId.replaceAll('-', '').slice(-8)}`, nowMs);

/** A new CA: valid 10 years, signs node certificates and nothing below them. */
export async function createNamedCa(commonName: string, nowMs: number): Promise<KeyedCertificate> {
  const keyPem = createNodeKey();
  const keys = await webcryptoPair(keyPem);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: randomSerial(),
    name: [{ CN: [commonName] }],
    notBefore: new Date(nowMs - BACKDATE_MS),
    notAfter: new Date(nowMs + CA_LIFETIME_MS),
    keys: keys as never,
    signingAlgorithm: SIGNING_ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey as never),
    ],
  });
  return { certPem: pem(certificate), keyPem };
}

const altNames = (hosts: readonly string[]): x509Names =>
  [...new Set(hosts)].map((host) => ({ type: isIP(host) === 0 ? ('dns' as const) : ('ip' as const), value: host }));
type x509Names = { type: 'dns' | 'ip'; value: string }[];

type Extension = InstanceType<typeof x509.Extension>;

const leafUsages = (): Extension[] => [
  new x509.BasicConstraintsExtension(false, undefined, true),
  new x509.KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
];
const nodeUsages = (): Extension[] => [
  ...leafUsages(),
  new x509.ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
];

export interface IssueInput {
  readonly ca: KeyedCertificate;
  /** SPKI PEM, from a verified request. */
  readonly publicKeyPem: string;
  readonly nodeId: number;
  /** What stands before `-node-<id>` in the common name; default `quorate`. */
  readonly prefix?: string;
  /** Default one year, never beyond the CA's own end. */
  readonly lifetimeMs?: number;
  /** Every host the node advertises, IP or DNS, without brackets or ports; loopback is added. */
  readonly hosts: readonly string[];
  readonly nowMs: number;
}

/** A node's certificate: CN `<prefix>-node-<id>`, for server and client use. */
export function issueNodeCertificate({ nodeId, prefix = 'quorate', hosts, ...input }: IssueInput): Promise<string> {
  const names = new x509.SubjectAlternativeNameExtension(altNames([...hosts, ...LOCAL_HOSTS]));
  return issue({ ...input, commonName: `${prefix}-node-${nodeId}`, extensions: [...nodeUsages(), names] });
}

/** A runner's certificate: CN `quorate-runner-<name>`, for client use alone. */
export function issueRunnerCertificate({
  name,
  ...input
}: Omit<IssueInput, 'nodeId' | 'prefix' | 'hosts'> & { name: string }): Promise<string> {
  const clientAuth = new x509.ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth]);
  return issue({ ...input, commonName: `${RUNNER_PREFIX}${name}`, extensions: [...leafUsages(), clientAuth] });
}

async function issue(
  input: Omit<IssueInput, 'nodeId' | 'prefix' | 'hosts'> & { commonName: string; extensions: Extension[] },
): Promise<string> {
  const { ca, nowMs, lifetimeMs = NODE_CERTIFICATE_LIFETIME_MS } = input;
  const signing = await webcryptoPair(ca.keyPem);
  const publicKey = await webcryptoPublic(createPublicKey(input.publicKeyPem));
  const issuer = new x509.X509Certificate(ca.certPem);
  const caEndsAt = new Date(new X509Certificate(ca.certPem).validTo).getTime();
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: randomSerial(),
    subject: [{ CN: [input.commonName] }],
    issuer: issuer.subjectName,
    notBefore: new Date(nowMs - BACKDATE_MS),
    notAfter: new Date(Math.min(nowMs + lifetimeMs, caEndsAt)),
    publicKey: publicKey as never,
    signingKey: signing.privateKey as never,
    signingAlgorithm: SIGNING_ALGORITHM,
    extensions: [
      ...input.extensions,
      await x509.SubjectKeyIdentifierExtension.create(publicKey as never),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
    ],
  });
  return pem(certificate);
}

/** What a joiner shows before it has a certificate: only its key matters, the cluster compares it with the request's. */
export async function selfSign({ keyPem, nowMs }: { keyPem: string; nowMs: number }): Promise<string> {
  const keys = await webcryptoPair(keyPem);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: randomSerial(),
    name: [{ CN: ['quorate-joiner'] }],
    notBefore: new Date(nowMs - DAY_MS),
    notAfter: new Date(nowMs + DAY_MS),
    keys: keys as never,
    signingAlgorithm: SIGNING_ALGORITHM,
    extensions: [...nodeUsages(), new x509.SubjectAlternativeNameExtension(altNames(LOCAL_HOSTS))],
  });
  return pem(certificate);
}
