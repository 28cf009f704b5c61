import { existsSync, readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { writeFileAtomic } from '../cluster/pki/atomic-file';
import { inspectCertificate } from '../cluster/pki/inspect';
import { createNamedCa, issueNodeCertificate, type KeyedCertificate } from '../cluster/pki/issue';
import { createNodeKey, fingerprintOf, publicKeyPemOf } from '../cluster/pki/keys';
import { systemClock } from '../lib/clock';
import { makeDirectory } from '../lib/directory';
import { HostError, reasonOf, UsageError } from './host-error';

const DAY_MS = 24 * 3600 * 1000;
const MAX_DAYS = 3650;

const say = (text: string): void => void process.stderr.write(`${text}\n`);

/** `quorated pki init`. @throws HostError when there is a CA in the folder already */
export async function initPki(directory: string, options: { name: string }): Promise<void> {
  if (!/^[A-Za-z0-9 ._-]{1,64}$/.test(options.name)) {
    throw new UsageError('--name: use 1 to 64 letters, digits, spaces, dots, dashes or underscores');
  }
  const files = { cert: join(directory, 'ca.crt'), key: join(directory, 'ca.key') };
  for (const path of Object.values(files)) {
    if (existsSync(path)) throw new HostError(`${path} exists already; name another folder, or move it away`);
  }
  makeDirectory(directory, 0o700);
  const ca = await createNamedCa(options.name, systemClock());
  writeFileAtomic(files.key, ca.keyPem);
  writeFileAtomic(files.cert, ca.certPem);
  process.stdout.write(`${fingerprintOf(ca.certPem)}\n`);
  say(`wrote ${files.cert} and ${files.key}; the key signs nodes into your cluster: keep it where no node runs`);
}

export interface IssueOptions {
  readonly id: string;
  readonly host: readonly string[];
  readonly prefix: string;
  readonly days: string;
  readonly force?: boolean;
}

/** `quorated pki issue`. @throws UsageError, HostError, CertificateError */
export async function issuePki(directory: string, options: IssueOptions): Promise<void> {
  const nodeId = wholeNumber('--id', options.id, 63);
  const days = wholeNumber('--days', options.days, MAX_DAYS);
  if (!/^[A-Za-z0-9._-]{1,48}$/.test(options.prefix)) {
    throw new UsageError('--prefix: use 1 to 48 letters, digits, dots, dashes or underscores');
  }
  for (const host of options.host) checkHost(host);
  const files = { cert: join(directory, `node-${nodeId}.crt`), key: join(directory, `node-${nodeId}.key`) };
  for (const path of Object.values(files)) {
    if (existsSync(path) && !options.force) throw new HostError(`${path} exists already; --force replaces it`);
  }
  const ca = readCa(directory);
  const keyPem = createNodeKey();
  const certPem = await issueNodeCertificate({
    ca,
    publicKeyPem: publicKeyPemOf(keyPem),
    nodeId,
    prefix: options.prefix,
    lifetimeMs: days * DAY_MS,
    hosts: options.host,
    nowMs: systemClock(),
  });
  writeFileAtomic(files.key, keyPem);
  writeFileAtomic(files.cert, certPem);
  const { subjectCn, notAfter } = inspectCertificate(certPem);
  process.stdout.write(`${fingerprintOf(certPem)}\n`);
  say(`wrote ${files.cert} and ${files.key}: ${subjectCn}, valid until ${new Date(notAfter).toISOString()}`);
  if (options.host.length === 0) {
    say('it names this machine only: for a node that others dial, add --host ADDRESS and issue it again with --force');
  }
}

function wholeNumber(option: string, text: string, max: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= max) return value;
  throw new UsageError(`${option}: expected a whole number from 1 to ${max}, got ${text}`);
}

function checkHost(host: string): void {
  if (isIP(host) !== 0 || /^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(host)) return;
  throw new UsageError(`--host: expected an IP address or a name without a port, got ${host}`);
}

function readCa(directory: string): KeyedCertificate {
  const read = (name: string): string => {
    try {
      return readFileSync(join(directory, name), 'utf8');
    } catch (error) {
      throw new HostError(`${reasonOf(error)}; make a CA there first: quorated pki init ${directory}`);
    }
  };
  return { certPem: read('ca.crt'), keyPem: read('ca.key') };
}
